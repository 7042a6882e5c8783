//! The page of a run in a real browser: Chromium from the system's packages, without a window.

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::Place;

/// Two topologies, so that there is something to filter; short cells, as nobody decides anything here.
const SCENARIO: &str = r#"
strategies = ["no-cache", "cache-aside", "cache-through"]
topologies = ["embedded", { name = "embedded", label = "<b>\"other\", 旁路</b>" }]
[dataset]
keys = 500
value_size = "300B"
[workload]
clients = 8
[requirements]
"read.p99" = "<1s"
[run]
duration = "400ms"
warmup_max = "400ms"
window = "100ms"
repeats = 2
"#;

/// The same with a sweep, so that a row begins with three columns of words.
const SWEEP: &str = "[sweep]\n\"cache.capacity\" = [\"10%\", \"50%\"]\n";

/// Makes the page of a run.
fn page(place: &Place, scenario: &str) -> String {
    place.write("page.toml", scenario);
    place.succeeds(&["page.toml", "--quiet"]);
    fs::read_to_string(place.latest("page").join("report.html")).unwrap()
}

/// A browser has loaded a page and run a script in it.
struct Opened {
    /// The value that the script returned.
    returned: Value,
    /// What the page wrote to the console, errors of its own scripts included.
    console: Vec<String>,
}

/// Opens a page, runs the body of a function in it, and waits for the value that it returns.
fn open(place: &Path, page: &str, body: &str) -> Opened {
    let file = place.join("opened.html");
    let script = format!(
        r#"<script>addEventListener("load", async () => {{
            const returned = await (async () => {{ {body} }})();
            document.body.append(Object.assign(document.createElement("script"), {{
                type: "application/json", id: "returned", textContent: JSON.stringify(returned).replaceAll("<", "\\u003c") }}));
        }});</script></body>"#
    );
    fs::write(&file, page.replacen("</body>", &script, 1)).unwrap();
    let browser = std::env::var("HOTSET_CHROMIUM").unwrap_or_else(|_| "chromium".into());
    let output = Command::new(&browser)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--enable-logging=stderr"])
        // Frames of this test are files too.
        .args(["--allow-file-access-from-files", "--window-size=1400,1000", "--virtual-time-budget=20000"])
        .arg(format!("--user-data-dir={}", place.join("profile").display()))
        .arg("--dump-dom")
        .arg(format!("file://{}", file.display()))
        .output()
        .unwrap_or_else(|error| panic!("{browser} cannot be started: {error}; scripts/test installs it, or name one in HOTSET_CHROMIUM"));
    let (document, said) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr).into_owned());
    let returned = document
        .rsplit_once(r#"id="returned">"#)
        .and_then(|(_, after)| after.split_once("</script>"))
        .unwrap_or_else(|| panic!("the script returned nothing:\n{said}"));
    Opened {
        returned: serde_json::from_str(returned.0).unwrap(),
        console: said.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect(),
    }
}

/// What scripts of these tests use.
const TOOLS: &str = r#"
    const all = (selector, of = document) => Array.from(of.querySelectorAll(selector));
    const table = document.querySelector("table[data-name=scorecard]");
    const headings = all("thead th", table);
    const column = (name) => headings.findIndex((heading) => heading.textContent.trim() === name);
    const cells = (name) => all("tbody tr", table).filter((row) => !row.hidden).map((row) => row.cells[column(name)]);
    const numbers = (name) => cells(name).map((cell) => Number(cell.dataset.value));
    const words = (name) => cells(name).map((cell) => cell.textContent.trim());
    const click = (name) => headings[column(name)].querySelector("button").click();
"#;

fn numbers(of: &Value) -> Vec<f64> {
    of.as_array().unwrap().iter().map(|one| one.as_f64().unwrap()).collect()
}

fn is_sorted(of: &Value) -> bool {
    numbers(of).is_sorted()
}

#[test]
fn the_scorecard_is_sorted_filtered_and_singled_out_and_nothing_is_said_on_the_console() {
    let place = Place::new();
    let page = page(&place, SCENARIO);
    let body = format!(
        r#"{TOOLS}
        const seen = {{ asFound: numbers("ops/s") }};
        click("ops/s");
        seen.ascending = numbers("ops/s");
        seen.said = headings[column("ops/s")].getAttribute("aria-sort");
        click("ops/s");
        seen.descending = numbers("ops/s");
        const choice = document.querySelector("select[data-filter=topology]");
        choice.value = [...choice.options].find((option) => option.textContent.includes("旁路")).value;
        choice.dispatchEvent(new Event("change"));
        seen.filtered = words("topology");
        choice.value = "";
        choice.dispatchEvent(new Event("change"));
        seen.unfiltered = words("topology").length;
        const pick = all("button.pick").find((button) => button.textContent === "cache-aside");
        pick.click();
        seen.pressed = pick.getAttribute("aria-pressed");
        seen.lit = [...new Set(all(".lit").map((one) => one.dataset.strategy))];
        seen.litInCharts = all("figure .lit").length;
        document.dispatchEvent(new KeyboardEvent("keydown", {{ key: "Escape" }}));
        seen.litAfterEscape = all(".lit").length;
        return seen;"#
    );
    let Opened { returned: seen, console } = open(place.path(), &page, &body);
    assert_eq!(console, Vec::<String>::new());
    assert!(numbers(&seen["asFound"]).len() == 6 && is_sorted(&seen["ascending"]), "{seen}");
    assert_eq!(seen["said"], "ascending");
    let mut turned = numbers(&seen["descending"]);
    turned.reverse();
    assert_eq!(turned, numbers(&seen["ascending"]));
    assert_eq!(
        seen["filtered"],
        serde_json::json!(["<b>\"other\", 旁路</b>", "<b>\"other\", 旁路</b>", "<b>\"other\", 旁路</b>"])
    );
    assert_eq!(seen["unfiltered"], 6);
    assert_eq!(seen["pressed"], "true");
    assert_eq!(seen["lit"], serde_json::json!(["cache-aside"]));
    assert!(seen["litInCharts"].as_u64() > Some(0), "{seen}");
    assert_eq!(seen["litAfterEscape"], 0);
}

#[test]
fn the_page_fits_a_phone_a_tablet_and_a_screen_and_can_be_read_aloud() {
    let place = Place::new();
    let page = page(&place, &format!("{}{SWEEP}", SCENARIO.replace("repeats = 2", "repeats = 1")));
    fs::write(place.path().join("framed.html"), &page).unwrap();
    let body = r#"
        const seen = { widths: [] };
        for (const width of [390, 800, 1400]) {
            const frame = Object.assign(document.createElement("iframe"), { width, height: 900, src: "framed.html" });
            frame.style.border = "0";
            await new Promise((done) => { frame.onload = done; document.body.append(frame); });
            seen.widths.push([frame.contentDocument.documentElement.scrollWidth, width]);
            const row = frame.contentDocument.querySelector("table[data-name=scorecard] tbody tr");
            const isSeen = (cell) => !cell.matches(".word") && cell.getBoundingClientRect().right <= width;
            seen.figures = Math.min(seen.figures ?? Infinity, Array.from(row.cells).filter(isSeen).length);
            seen.name ??= row.cells[0].getBoundingClientRect().width;
        }
        const all = (selector) => Array.from(document.querySelectorAll(selector));
        seen.tables = all("table").length;
        seen.withoutCaption = all("table").filter((table) => !table.caption).length;
        seen.withoutScope = all("th").filter((heading) => !heading.scope).length;
        seen.charts = all("figure svg").length;
        seen.silent = all("figure svg").filter((chart) => !(chart.getAttribute("aria-label") ?? chart.querySelector("title")?.textContent)).length;
        seen.broken = all("a[href^='#']").filter((link) => !document.getElementById(decodeURIComponent(link.hash.slice(1)))).map((link) => link.hash);
        const ids = all("[id]").map((one) => one.id);
        seen.twice = ids.filter((id, at) => ids.indexOf(id) !== at);
        return seen;"#;
    let Opened { returned: seen, console } = open(place.path(), &page, body);
    assert_eq!(console, Vec::<String>::new());
    for width in seen["widths"].as_array().unwrap() {
        let [wide, screen] = [0, 1].map(|at| width[at].as_u64().unwrap());
        assert!(wide <= screen, "the page is {wide} pixels wide on a screen of {screen}");
    }
    assert!(seen["figures"].as_u64() >= Some(1), "a phone shows no figure of the scorecard: {seen}");
    assert!(
        seen["name"].as_f64() <= Some(100.0),
        "a name takes the room of figures that are scrolled to: {seen}"
    );
    assert!(seen["tables"].as_u64() > Some(1) && seen["charts"].as_u64() > Some(3), "{seen}");
    assert_eq!([&seen["withoutCaption"], &seen["withoutScope"], &seen["silent"]], [0, 0, 0], "{seen}");
    assert_eq!([&seen["broken"], &seen["twice"]], [&serde_json::json!([]), &serde_json::json!([])], "{seen}");
}
