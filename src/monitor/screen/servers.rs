//! The screen of watched servers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Stylize as _};
use ratatui::text::Line;

use super::nodes;
use super::show::{UNKNOWN, bytes, micros, number, or_unknown, percent, short, span};
use super::widgets::{self, TimeSeriesPanel};
use crate::base::units::show_duration;
use crate::monitor::ring::Ring;
use crate::monitor::sample::{Figures, Round, ServerSample};

/// So many samples are remembered of each node: more than the widest screen shows.
const REMEMBERED: usize = 600;

/// The keys and what they do.
const KEYS: &[(&str, &str)] =
    &[("q", "leave"), ("?", "help"), ("↑↓", "one node"), ("a", "all"), ("space", "hold")];

/// The explanation of the figures.
pub const HELP: &str = "\
Every figure is a difference of two INFOs of the server, asked over a connection of the monitor's own.

Hit rate: hits over lookups since the last sample. The server counts the lookups of EXISTS, of scripts and of every other reading command too, so an application's own hit rate may differ. – means that nothing was looked up.
Server time: the mean time that the server spent in a command, without the network and without waiting in line; INFO left out. A script or a transaction counts as a command, and so does each command in it.
Round trip: one PING from here and back, once a sample.
Commands: those of the monitor, of replication and in scripts included.
Memory, keys and evictions of several nodes: the sum over primaries. The rest: over all nodes.
Lag: bytes of the replication that a replica has yet to acknowledge.

restarted, reset: the server has started anew, or its counters were set back; figures begin anew with the next sample.";

/// Everything that the screen shows.
#[derive(Debug, Clone)]
pub struct ServersScreen {
    title: String,
    interval: Duration,
    round: Option<Arc<Round>>,
    together: Ring<Figures>,
    each: BTreeMap<String, Ring<Figures>>,
    /// The node that is looked at; all together without one.
    chosen: Option<String>,
    /// Further notes for the user, such as that publishing fails.
    pub notes: Vec<String>,
    /// True if the help is shown.
    pub help: bool,
    is_held: bool,
}

impl ServersScreen {
    /// A screen with nothing on it yet.
    #[must_use]
    pub fn new(title: String, interval: Duration) -> Self {
        Self {
            title,
            interval,
            round: None,
            together: Ring::new(REMEMBERED),
            each: BTreeMap::new(),
            chosen: None,
            notes: Vec::new(),
            help: false,
            is_held: false,
        }
    }

    /// Takes a round, unless it is held.
    pub fn take(&mut self, round: &Arc<Round>) {
        if self.is_held {
            return;
        }
        self.together.push(Figures::of_all(&round.samples));
        self.each.retain(|node, _| round.samples.iter().any(|sample| sample.node == *node));
        for sample in &round.samples {
            let ring = self.each.entry(sample.node.clone()).or_insert_with(|| Ring::new(REMEMBERED));
            ring.push(Figures::of(sample));
        }
        if self.chosen.as_ref().is_some_and(|chosen| !self.each.contains_key(chosen)) {
            self.chosen = None;
        }
        self.round = Some(Arc::clone(round));
    }

    /// Holds what is shown, or goes on.
    pub fn hold(&mut self) {
        self.is_held = !self.is_held;
    }

    /// Looks at all nodes together.
    pub fn choose_all(&mut self) {
        self.chosen = None;
    }

    /// Looks at the next node, or at the first where it looked at all.
    pub fn choose_next(&mut self) {
        self.choose(self.place_of_chosen().map_or(0, |place| place + 1));
    }

    /// Looks at the node before, or at the last where it looked at all.
    pub fn choose_before(&mut self) {
        self.choose(self.place_of_chosen().map_or(usize::MAX, |place| place.saturating_sub(1)));
    }

    /// One node alone is looked at anyway.
    fn choose(&mut self, place: usize) {
        let samples = self.samples();
        if samples.len() > 1 {
            self.chosen = Some(samples[place.min(samples.len() - 1)].node.clone());
        }
    }

    fn samples(&self) -> &[ServerSample] {
        self.round.as_ref().map_or(&[], |round| &round.samples)
    }

    fn place_of_chosen(&self) -> Option<usize> {
        let chosen = self.chosen.as_ref()?;
        self.samples().iter().position(|sample| sample.node == *chosen)
    }

    fn series(&self) -> &Ring<Figures> {
        self.chosen.as_ref().and_then(|node| self.each.get(node)).unwrap_or(&self.together)
    }

    /// Draws it.
    pub fn draw(&self, frame: &mut Frame<'_>) {
        let count = self.samples().len();
        let alerts = self.alerts();
        let most = if frame.area().height >= 40 { 8 } else { 3 };
        let alert_lines = widgets::lines_of(&alerts, frame.area().width).min(most);
        let table_lines = match count {
            0 | 1 => 0,
            count => {
                // Head, facts, foot and a gap take 5 lines, and the panels keep at least 9.
                let room = frame.area().height.saturating_sub(14 + alert_lines).max(4);
                (count as u16).saturating_add(1).min(room)
            }
        };
        let [head, alert_area, facts, _, panels, table, foot] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(alert_lines),
            Constraint::Length(2),
            Constraint::Length(1),
            Constraint::Fill(1),
            Constraint::Length(table_lines),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        self.draw_head(frame, head);
        widgets::alerts(frame, alert_area, &alerts);
        self.draw_facts(frame, facts);
        widgets::panels(frame, panels, &self.panels());
        if table_lines > 0 {
            let now = |node: &str| self.each.get(node).and_then(Ring::last).copied().unwrap_or_default();
            nodes::draw(frame, table, self.samples(), self.place_of_chosen(), now);
        }
        widgets::keys(frame, foot, KEYS);
        if self.help {
            widgets::popup(frame, "what the figures are", HELP);
        }
    }

    fn draw_head(&self, frame: &mut Frame<'_>, area: Rect) {
        let at = self.round.as_ref().map(|round| round.at);
        let time = at.map_or_else(String::new, |at: Timestamp| {
            let clock = at.to_string();
            clock.get(11..19).map_or(clock.clone(), |time| format!("{time} UTC"))
        });
        let every = show_duration(self.interval);
        let held = if self.is_held { " · held" } else { "" };
        let right = format!("every {every} · {time}{held}");
        let room = usize::from(area.width).saturating_sub(right.chars().count() + 1);
        let left = short(&self.heading(), room);
        let gap = " ".repeat(room + 1 - left.chars().count());
        frame.render_widget(Line::from(vec![left.bold(), gap.into(), right.dim()]), area);
    }

    fn heading(&self) -> String {
        let version =
            self.samples().iter().find_map(|sample| Some(&sample.answer.as_ref().ok()?.info.version));
        let version = version.map_or_else(String::new, |version| {
            if version.starts_with("Valkey") {
                format!(" · {version}")
            } else {
                format!(" · Redis {version}")
            }
        });
        let kind = match (&self.round, self.samples().len()) {
            (Some(round), nodes) if round.deployment != "single" => {
                format!(" · {} of {nodes} nodes", round.deployment)
            }
            (Some(_), nodes) if nodes > 1 => format!(" · {nodes} servers"),
            (Some(_), _) => {
                self.samples().first().map_or_else(String::new, |s| format!(" · {}", s.role.name()))
            }
            (None, _) => " · looking".to_owned(),
        };
        match &self.chosen {
            Some(chosen) => format!("{chosen} alone{version}{kind}"),
            None => format!("{}{version}{kind}", self.title),
        }
    }

    /// Returns everything that is wrong, the worst first.
    fn alerts(&self) -> Vec<String> {
        let mut alerts = Vec::new();
        for sample in self.samples() {
            match sample.state() {
                "lost" => {
                    alerts.push(format!("LOST {}: {}", sample.node, sample.reason().unwrap_or_default()));
                }
                state @ ("restarted" | "reset") => {
                    alerts.push(format!("{} was {state}: its figures begin anew", sample.node));
                }
                _ => alerts.extend(sample.reason().map(|reason| format!("{}: {reason}", sample.node))),
            }
        }
        alerts.extend(self.round.iter().flat_map(|round| round.notes.iter().cloned()));
        alerts.extend(self.notes.iter().cloned());
        alerts
    }

    fn draw_facts(&self, frame: &mut Frame<'_>, area: Rect) {
        let now = self.series().last().copied().unwrap_or_default();
        let per_s = |value, show: fn(f64) -> String| format!("{}/s", or_unknown(value, show));
        let one = match self.samples() {
            [one] => Some(one),
            samples => self.place_of_chosen().and_then(|place| samples.get(place)),
        };
        let info = one.and_then(|sample| sample.answer.as_ref().ok()).map(|answer| &answer.info);
        let up = info.and_then(|info| info.uptime_s).map(span);
        let policy = info.map(|info| info.maxmemory_policy.clone()).filter(|policy| !policy.is_empty());
        let lines: [Vec<(&str, String)>; 2] = [
            vec![
                ("keys", or_unknown(now.keys, number)),
                ("clients", or_unknown(now.clients, number)),
                ("expired", per_s(now.expired_per_s, number)),
                ("in", per_s(now.net_in_per_s, bytes)),
                ("out", per_s(now.net_out_per_s, bytes)),
            ],
            vec![
                ("resident", or_unknown(now.rss_bytes, bytes)),
                ("fragmentation", or_unknown(now.fragmentation_ratio, |ratio| format!("{ratio:.2}"))),
                ("lag", or_unknown(now.lag_bytes, bytes)),
                ("up", up.unwrap_or_else(|| UNKNOWN.into())),
                ("policy", policy.unwrap_or_else(|| UNKNOWN.into())),
            ],
        ];
        for (line, place) in lines.iter().zip(area.rows()) {
            widgets::facts(frame, place, line);
        }
    }

    fn panels(&self) -> Vec<TimeSeriesPanel<'static>> {
        let series = self.series();
        let values = |field: fn(&Figures) -> Option<f64>| series.iter().map(field).collect::<Vec<_>>();
        let limit = series.last().and_then(|figures| figures.maxmemory_bytes);
        let of_limit = limit.map_or_else(String::new, |limit| format!("of {}", bytes(limit)));
        let panel = |title, show, colour, field| TimeSeriesPanel {
            title,
            show,
            beside: String::new(),
            values: values(field),
            whole: None,
            colour,
        };
        vec![
            TimeSeriesPanel { whole: Some(1.0), ..panel("Hit rate", percent, Color::Green, |f| f.hit_rate) },
            panel("Commands/s", number, Color::Cyan, |f| f.commands_per_s),
            panel("Server time, mean", micros, Color::Magenta, |f| f.mean_service_us),
            panel("Round trip from here", micros, Color::Magenta, |f| f.round_trip_us),
            TimeSeriesPanel {
                beside: of_limit,
                whole: limit,
                ..panel("Memory", bytes, Color::Blue, |f| f.used_memory_bytes)
            },
            panel("Evicted/s", number, Color::Red, |f| f.evicted_per_s),
        ]
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::super::sample::Role;
    use super::super::super::testing::{answered, lost, moment};
    use super::*;

    fn screen(rounds: usize, samples: impl Fn(u64) -> Vec<ServerSample>) -> ServersScreen {
        let mut screen = ServersScreen::new("127.0.0.1:6379".into(), Duration::from_secs(1));
        for number in 0..rounds as u64 {
            let round =
                Round { at: moment(), samples: samples(number), deployment: "single", notes: Vec::new() };
            screen.take(&Arc::new(round));
        }
        screen
    }

    fn seen(screen: &ServersScreen, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| screen.draw(frame)).unwrap();
        terminal.backend().to_string()
    }

    fn one(number: u64) -> Vec<ServerSample> {
        vec![answered("127.0.0.1:6379", Role::Primary, 1000 + 400 * (number % 7), 100 + 30 * (number % 5))]
    }

    fn six(number: u64) -> Vec<ServerSample> {
        let mut samples: Vec<ServerSample> = (0..6)
            .map(|node| {
                let role = if node < 3 { Role::Primary } else { Role::Replica };
                answered(&format!("127.0.0.1:700{node}"), role, 1000 * (node + 1) + number, 100)
            })
            .collect();
        samples[2] = lost("127.0.0.1:7002");
        samples
    }

    #[test]
    fn one_server_fills_a_small_terminal() {
        insta::assert_snapshot!(seen(&screen(60, one), 80, 24));
    }

    #[test]
    fn one_server_fills_a_large_terminal() {
        insta::assert_snapshot!(seen(&screen(60, one), 200, 50));
    }

    #[test]
    fn several_nodes_and_a_lost_one_fit_a_small_terminal() {
        insta::assert_snapshot!(seen(&screen(60, six), 80, 24));
    }

    #[test]
    fn several_nodes_and_a_lost_one_fill_a_large_terminal() {
        insta::assert_snapshot!(seen(&screen(60, six), 200, 50));
    }

    #[test]
    fn the_help_says_whose_lookups_are_counted() {
        let mut screen = screen(3, one);
        screen.help = true;
        let shown = seen(&screen, 80, 24);
        assert!(shown.contains("EXISTS") && shown.contains("figures begin anew"), "{shown}");
    }

    #[test]
    fn without_a_sample_there_are_no_figures_and_no_zeros() {
        let shown = seen(&screen(0, one), 80, 24);
        assert!(shown.contains("Hit rate –") && !shown.contains(" 0"), "{shown}");
    }

    #[test]
    fn a_terminal_of_any_size_can_be_drawn_on() {
        let screen = screen(5, six);
        for (width, height) in [(1, 1), (10, 3), (40, 10), (79, 23), (300, 100)] {
            seen(&screen, width, height);
        }
    }

    #[test]
    fn the_arrows_walk_over_the_nodes_and_stop_at_the_ends() {
        let mut screen = screen(2, six);
        screen.choose_before();
        assert_eq!(screen.chosen.as_deref(), Some("127.0.0.1:7005"));
        screen.choose_next();
        assert_eq!(screen.chosen.as_deref(), Some("127.0.0.1:7005"));
        screen.choose_before();
        assert_eq!(screen.chosen.as_deref(), Some("127.0.0.1:7004"));
        screen.choose_all();
        assert!(screen.chosen.is_none());
    }

    #[test]
    fn what_is_held_does_not_move() {
        let mut screen = screen(2, one);
        let before = seen(&screen, 80, 24);
        screen.hold();
        screen.take(&Arc::new(Round {
            at: moment(),
            samples: six(1),
            deployment: "cluster",
            notes: Vec::new(),
        }));
        screen.hold();
        assert_eq!(seen(&screen, 80, 24), before);
    }
}
