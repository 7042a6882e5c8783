//! A canary in every place where a secret can be written comes out of no command, on no way.

mod support;

use std::fs;
use std::process::Command;

use support::{Ended, Foreign, Place, files_below, free_port};

/// Every secret of these tests has it on both sides of what would end it in a URL, in TOML or in a text.
const CANARY: &str = "k4nary";
const PASSWORD: &str = "k4nary?\"/@#%3F'k4nary";
/// As one writes it in a URL.
const ENCODED: &str = "k4nary%3F%22%2F%40%23%253F'k4nary";
/// A secret for tokens is at least so long.
const TOKENS: &str = "k4nary-with-more-than-32-letters-\"k4nary";

const REST: &str = r#"
[dataset]
keys = 200
value_size = "300B"
[workload]
clients = 4
rate_per_second = 200
[run]
duration = "400ms"
warmup_max = "300ms"
window = "100ms"
"#;

fn scenario(topology: &str) -> String {
    format!("strategies = [\"cache-aside\"]\ntopologies = [{topology}]\n{REST}")
}

fn single(url: &str) -> String {
    // A literal string of several lines takes every quote.
    scenario(&format!("{{ name = \"single\", url = '''{url}''', database = \"embedded\" }}"))
}

/// A place in which everything that comes out of hotset is searched.
struct Watched {
    place: Place,
    variables: Vec<(&'static str, String)>,
}

impl Watched {
    fn new() -> Self {
        let variables = vec![
            ("PASSWORD", PASSWORD.into()),
            ("TOKENS", TOKENS.into()),
            ("SHORT_TOKENS", CANARY.into()),
            ("HOTSET_LOG", "trace".into()),
        ];
        Self { place: Place::new(), variables }
    }

    fn with(mut self, name: &'static str, value: String) -> Self {
        self.variables.push((name, value));
        self
    }

    fn hotset(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.hotset(arguments);
        command.envs(self.variables.iter().map(|(name, value)| (*name, value)));
        command
    }

    /// Runs to the end and holds everything that came out to be without a canary.
    #[track_caller]
    fn ends(&self, code: i32, arguments: &[&str]) -> Ended {
        let ended = self.runs(arguments);
        assert_eq!(ended.code, code, "{arguments:?}: {}", ended.stderr);
        ended
    }

    /// As `ends`, with whatever exit code.
    #[track_caller]
    fn runs(&self, arguments: &[&str]) -> Ended {
        let ended = self.place.start(self.hotset(arguments)).end();
        for (name, text) in [("stdout", &ended.stdout), ("stderr", &ended.stderr)] {
            assert!(!text.contains(CANARY), "{arguments:?} shows it on {name}: {}", around(text));
        }
        let results = self.place.path().join("results");
        for (path, bytes) in if results.exists() { files_below(&results) } else { Vec::new() } {
            let text = String::from_utf8_lossy(&bytes);
            assert!(
                !text.contains(CANARY),
                "{arguments:?} writes it to {}: {}",
                path.display(),
                around(&text)
            );
        }
        ended
    }

    /// Checks and runs a scenario that is refused.
    #[track_caller]
    fn refuses(&self, text: &str) -> String {
        self.place.write("wrong.toml", text);
        for command in ["curve", "record"] {
            let more: &[&str] = if command == "record" { &["--out", "trace.csv"] } else { &[] };
            self.ends(2, &[&[command, "wrong.toml"], more].concat());
        }
        self.ends(2, &["wrong.toml"]);
        self.ends(2, &["check", "wrong.toml"]).stderr
    }
}

/// Returns what stands before the first canary, to find out who has let it through.
fn around(text: &str) -> String {
    let at = text.find(CANARY).unwrap_or_default();
    let from = text.floor_char_boundary(at.saturating_sub(200));
    text[from..text.floor_char_boundary((at + 60).min(text.len()))].to_owned()
}

#[test]
fn a_password_from_the_environment_and_one_in_a_url_serve_a_run_and_come_out_of_no_command() {
    let server = Foreign::redis(&["--requirepass", PASSWORD]);
    let by_variable = format!("redis://:${{PASSWORD}}@127.0.0.1:{}", server.port);
    let literal = format!("redis://:{ENCODED}@127.0.0.1:{}", server.port);
    let watched = Watched::new().with("URL", literal.clone());
    for (name, url) in [("variable", &*by_variable), ("literal", &*literal), ("whole", "${URL}")] {
        let file = format!("{name}.toml");
        watched.place.write(&file, single(url));
        watched.ends(0, &["check", &file]);
        watched.ends(0, &[&file, "--no-plots"]);
        let results = format!("results/{name}/latest");
        watched.ends(0, &[&file, "--resume", &results, "--no-plots"]);
        // Drawn by a process that has only the files, as it does not know the secret.
        watched.ends(0, &["report", &results]);
        watched.ends(0, &["curve", &file, "--policies", "lru", "--capacities", "10", "--operations", "1000"]);
        watched.ends(0, &["record", &file, "--out", "results/trace.csv", "--operations", "100"]);
        let watch = ["monitor", "--redis", url, "--count", "1", "--csv"];
        watched.ends(0, &[&watch[..], &["-"]].concat());
        watched.ends(0, &[&watch[..], &["results/rows.csv", "--publish", url]].concat());
        watched.ends(0, &["monitor", "history", "--redis", url]);
    }
    watched.place.write("plain.toml", single("redis://127.0.0.1:1"));
    let set = format!("topologies.single.url={literal}");
    // And drawn by one that knows it.
    watched.ends(0, &["plain.toml", "--set", &set]);
    let list = format!("topologies=[{{name=\"single\",database=\"embedded\",url='''{literal}'''}}]");
    watched.ends(0, &["plain.toml", "--set", &list, "--no-plots"]);
    watched.ends(0, &["doctor"]);
    watched.ends(0, &["list"]);
}

#[test]
fn a_password_that_a_server_refuses_or_that_meets_no_server_is_in_no_error() {
    let server = Foreign::redis(&["--requirepass", "another-one"]);
    let watched = Watched::new();
    // A server that is not there is watched all the same, since it may come; it is a row that says so.
    for (port, monitored) in [(server.port, 2), (free_port(), 3)] {
        let url = format!("redis://:${{PASSWORD}}@127.0.0.1:{port}");
        for topology in [
            format!("{{ name = \"single\", url = \"{url}\", database = \"embedded\" }}"),
            format!("{{ name = \"cluster\", nodes = [\"{url}\"], database = \"embedded\" }}"),
        ] {
            watched.place.write("scenario.toml", scenario(&topology));
            watched.ends(3, &["scenario.toml"]);
            watched.ends(0, &["report", "results/scenario/latest"]);
        }
        watched.ends(monitored, &["monitor", "--redis", &url, "--count", "1", "--give-up", "1s"]);
        watched.ends(3, &["monitor", "history", "--redis", &url]);
    }
    let url = format!("mongodb://me:${{PASSWORD}}@127.0.0.1:{}/?proxyPassword={ENCODED}", server.port);
    let text = scenario("{ name = \"embedded\", database = \"mongodb\" }");
    for query in ["", "?appName=${PASSWORD}"] {
        let url = format!("{}{query}", url.split('?').next().unwrap());
        watched
            .place
            .write("mongo.toml", format!("{text}[database]\ntimeout = \"500ms\"\nurl = \"{url}\"\n"));
        watched.ends(0, &["check", "mongo.toml"]);
        watched.ends(3, &["mongo.toml"]);
    }
    watched.refuses(&format!("{text}[database]\nurl = \"{url}\"\n"));
}

#[test]
fn a_url_that_cannot_be_read_is_refused_with_the_remedy_and_is_not_shown() {
    let watched = Watched::new();
    for url in [
        "redis://:k4nary?k4nary@127.0.0.1:6399",
        "redis://:k4nary/k4nary@127.0.0.1:6399",
        "redis://:k4nary#k4nary@127.0.0.1:6399",
        "redis://:k4nary@k4nary@127.0.0.1:6399",
        "redis://:k4nary\"k4nary?x@127.0.0.1",
        "redis://me:k4nary",
        "redis://:k4nary",
        "http://me:k4nary@host",
        "://me:k4nary@host",
        "mongodb://me:k4nary@host",
        "redis://me:k4nary@host:port",
        "redis://me:k4nary@host:1/zero",
    ] {
        let said = watched.refuses(&single(url));
        assert!(said.contains("topologies") || said.contains("url"), "{said}");
        watched.ends(2, &["monitor", "--redis", url]);
        watched.ends(2, &["monitor", "--redis", "redis://h", "--nodes", url]);
        watched.ends(2, &["monitor", "--redis", "redis://h", "--publish", url]);
        watched.ends(2, &["monitor", "history", "--redis", url]);
        watched.ends(2, &["monitor", url]);
        watched.ends(2, &[url, url]);
        watched.place.write("plain.toml", single("redis://127.0.0.1:1"));
        for set in ["topologies.single.url", "topologies.single.url.x", "no.such.key"] {
            watched.ends(2, &["check", "plain.toml", "--set", &format!("{set}={url}")]);
        }
    }
    let said = watched.refuses(&single("redis://:k4nary?k4nary@127.0.0.1:6399"));
    assert!(said.contains("%3F"), "{said}");
    for url in ["mongodb://me:k4nary/k4nary@h", "redis://me:k4nary@h", "mongodb://me:k4%zzk4nary@h"] {
        let text = scenario("{ name = \"embedded\", database = \"mongodb\" }");
        watched.refuses(&format!("{text}[database]\nurl = \"{url}\"\n"));
    }
}

#[test]
fn a_secret_where_none_belongs_is_in_no_message() {
    let watched = Watched::new();
    let sessions = |secret: &str| {
        let application = format!("[application]\nname = \"sessions\"\nsecret = {secret}\n");
        format!("strategies = [\"cache-aside\"]\ntopologies = [\"embedded\"]\n{application}{REST}")
    };
    for wrong in [
        sessions("\"k4nary-with-more-than-32-letters-k4nary\""),
        sessions("'k4nary\"k4nary'"),
        sessions("\"${SHORT_TOKENS}\""),
        sessions("{ value = \"k4nary\" }"),
        sessions("[\"k4nary\"]"),
        sessions("k4nary"),
        sessions("\"k4nary"),
        scenario("{ name = \"single\", password = \"k4nary\", database = \"embedded\" }"),
        scenario("{ name = \"single\", auth = { password = 'k4nary' }, database = \"embedded\" }"),
        scenario("{ name = \"single\", \"redis://:k4nary@h\" = 1, database = \"embedded\" }"),
        scenario("{ name = \"redis://:k4nary@h\" }"),
        format!("{}# url = \"redis://:k4nary@h\"\nno_such_key = 1\n", scenario("\"embedded\"")),
        format!("{}[cache]\nrequirepass = \"\"\"k4nary\"\"\"\n", scenario("\"embedded\"")),
        format!("[[fault]]\nkind = \"redis://u:k4nary@h\"\n{}", scenario("\"embedded\"")),
        "topologies = [{ url = \"redis://:k4nary\" here@h\" }]".into(),
        "url = redis://:k4nary@h\n".into(),
        "url = \"redis://:k4nary\\u00\n".into(),
        "[cache]\npassword = k4nary\n".into(),
    ] {
        watched.refuses(&wrong);
    }
    watched.place.write("plain.toml", scenario("\"embedded\""));
    for wrong in ["--set=application.secret=k4nary", "--set=cache.password=k4nary", "--password=k4nary"] {
        watched.ends(2, &["check", "plain.toml", wrong]);
        watched.ends(2, &["plain.toml", wrong]);
    }
    watched.ends(2, &["plain.toml", "--only", "redis://:k4nary@h"]);
    watched.ends(2, &["redis://:k4nary@h"]);
    assert_ne!(watched.runs(&["report", "redis://:k4nary@h"]).code, 0);
    watched.place.write("sessions.toml", sessions("\"${TOKENS}\""));
    watched.ends(0, &["check", "sessions.toml"]);
    watched.ends(0, &["sessions.toml", "--no-plots"]);
}

#[test]
fn a_password_of_one_letter_or_an_ordinary_word_leaves_every_text_as_it_is() {
    let place = Place::new();
    let mut tables = Vec::new();
    for password in ["a", "re", "200", "cache", "strategy", "embedded"] {
        let server = Foreign::redis(&["--requirepass", password]);
        let url = format!("redis://:{password}@127.0.0.1:{}", server.port);
        place.write("scenario.toml", single(&url));
        place.succeeds(&["scenario.toml", "--no-plots"]);
        let run = fs::read_to_string(place.latest("scenario").join("run.json")).unwrap();
        let header = fs::read_to_string(place.latest("scenario").join("summary.csv")).unwrap();
        assert!(!run.contains(&format!(":{password}@")) && run.contains("redis://:***@127.0.0.1"), "{run}");
        assert_eq!(run.matches("***").count(), run.matches(":***@").count(), "{password}: {run}");
        assert!(!header.contains("***") || header.matches("***").count() == header.matches(":***@").count());
        place.results("scenario");
        tables.push(header.lines().next().unwrap().to_owned());
    }
    assert!(tables.windows(2).all(|two| two[0] == two[1]));
}
