//! A session of watching, from its beginning to its end.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use ratatui::Frame;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::options::{MonitorOptions, Output};
use super::place::ServerAddress;
use super::prometheus::Newest;
use super::publish::{self, Publisher};
use super::sample::{Round, ServerSample};
use super::screen::servers::ServersScreen;
use super::stage::{Left, Scene, ScreenThread};
use super::tasks::AbortOnDrop;
use super::terminal::{self, Wish};
use super::watch::{Watcher, keep_watching};
use super::{MonitorError, SessionEnd, csv, listen, remedy};
use crate::base::interrupt::Signals;
use crate::base::output::{self, note};

/// Rounds that may wait for a slow terminal or reader; the watching then waits too.
const WAITING: usize = 4;

/// Watches until it is over.
///
/// Boxed, so that all of it is compiled in this crate: what a future does is otherwise compiled wherever it is awaited.
///
/// # Errors
/// Where an address or a file cannot be had, where a server refuses the user, and where no server answers for too long.
#[must_use]
pub fn run(options: &MonitorOptions) -> LocalBoxFuture<'_, Result<SessionEnd, MonitorError>> {
    Box::pin(watch(options))
}

async fn watch(options: &MonitorOptions) -> Result<SessionEnd, MonitorError> {
    let newest = Arc::new(Newest::default());
    let (mut standing, _serving) = serve(options, &newest).await?;
    standing.extend(options.warning());
    let mut ending = Ending::new(options)?;
    let mut watcher = Watcher::begin(&options.redis, options.nodes.as_ref(), options.interval);
    tokio::select! {
        looked = watcher.first_look() => {
            // A server that is not there may come; one that refuses the password goes on refusing.
            if let Err(reason) = looked && remedy::is_denied(&reason) {
                return Err(MonitorError::Refused(format!("{}: {reason}", title(&options.redis))));
            }
        }
        () = ending.signal() => return Ok(SessionEnd::Interrupted),
    }
    if let Some(publish) = &options.publish {
        tokio::select! {
            fit = publish::check(publish) => fit.map_err(MonitorError::CannotPublish)?,
            () = ending.signal() => return Ok(SessionEnd::Interrupted),
        }
    }
    let publisher = options.publish.clone().map(|publish| Publisher::begin(publish, Arc::clone(&newest)));
    let (sender, rounds) = mpsc::channel(WAITING);
    let watching = tokio::spawn(keep_watching(watcher, options.interval, sender));
    let _watching = AbortOnDrop::new(watching.abort_handle());
    let mut session = Session { rounds, newest, publisher, ending, standing };
    match &options.output {
        Output::Screen => session.on_screen(options).await,
        Output::Stdout => session.as_rows(Box::new(output::rows()), Path::new("-")).await,
        Output::File(path) => {
            let file = File::create(path);
            let file = file.map_err(|source| MonitorError::Rows { path: path.clone(), source })?;
            session.as_rows(Box::new(file), path).await
        }
    }
}

/// Serves the metrics where that is wanted, until what it returns is dropped, and says where they are.
async fn serve(
    options: &MonitorOptions,
    newest: &Arc<Newest>,
) -> Result<(Vec<String>, Option<AbortOnDrop>), MonitorError> {
    let Some(address) = options.listen else { return Ok((Vec::new(), None)) };
    let (listener, address) = listen::bind(address).await?;
    let serving = tokio::spawn(listen::serve(listener, Arc::clone(newest)));
    let note = format!("metrics at http://{address}/metrics");
    Ok((vec![note], Some(AbortOnDrop::new(serving.abort_handle()))))
}

struct Session {
    rounds: mpsc::Receiver<Arc<Round>>,
    newest: Arc<Newest>,
    publisher: Option<Publisher>,
    ending: Ending,
    /// The notes that are shown all the time.
    standing: Vec<String>,
}

impl Session {
    /// Hands a round to all who want it.
    fn spread(&self, round: &Arc<Round>) {
        self.newest.take(round);
        if let Some(publisher) = &self.publisher {
            publisher.offer(round);
        }
    }

    async fn on_screen(&mut self, options: &MonitorOptions) -> Result<SessionEnd, MonitorError> {
        let mut screen = ServersScreen::new(title(&options.redis), options.interval);
        screen.notes = self.notes();
        let (sender, mut left) = mpsc::unbounded_channel();
        let stage =
            ScreenThread::begin(screen, move |why| drop(sender.send(why))).map_err(MonitorError::Terminal)?;
        loop {
            tokio::select! {
                round = self.rounds.recv() => {
                    let round = round.ok_or_else(stopped)?;
                    self.spread(&round);
                    let notes = self.notes();
                    stage.change(|screen| {
                        screen.notes = notes;
                        screen.take(&round);
                    });
                    if self.ending.is_over_after(&round) {
                        return Ok(SessionEnd::Over);
                    }
                }
                left = left.recv() => return match left.ok_or_else(stopped)? {
                    Left::Quit => Ok(SessionEnd::Over),
                    Left::Interrupt => Ok(SessionEnd::Interrupted),
                    Left::Lost(error) => Err(MonitorError::Terminal(error)),
                },
                ended = self.ending.comes() => return ended,
            }
        }
    }

    async fn as_rows(
        &mut self,
        into: Box<dyn Write + Send>,
        path: &Path,
    ) -> Result<SessionEnd, MonitorError> {
        // A thread of its own: a reader that does not read must not keep signals and metrics waiting.
        let (sender, mut receiver) = mpsc::channel::<Arc<Round>>(WAITING);
        let mut writing =
            tokio::task::spawn_blocking(move || csv::write_rounds(into, || receiver.blocking_recv()));
        let mut reported = None;
        let ended = loop {
            tokio::select! {
                round = self.rounds.recv() => {
                    let round = round.ok_or_else(stopped)?;
                    self.spread(&round);
                    let notes = self.notes();
                    if reported.as_ref() != Some(&notes) {
                        for note in &notes {
                            note!("note: {note}");
                        }
                        reported = Some(notes);
                    }
                    let is_over = self.ending.is_over_after(&round);
                    tokio::select! {
                        sent = sender.send(round) => {
                            if sent.is_err() {
                                break Ok(SessionEnd::Over);
                            }
                            if is_over {
                                break self.ending.over();
                            }
                        }
                        () = self.ending.signal() => return Ok(SessionEnd::Interrupted),
                    }
                }
                written = &mut writing => return rows_written(written, path).map(|()| SessionEnd::Over),
                ended = self.ending.comes() => match ended {
                    Ok(SessionEnd::Interrupted) => return ended,
                    ended => break ended,
                },
            }
        };
        drop(sender);
        tokio::select! {
            written = writing => rows_written(written, path)?,
            () = self.ending.signal() => return Ok(SessionEnd::Interrupted),
        }
        ended
    }

    /// Returns the remarks that apply now.
    fn notes(&self) -> Vec<String> {
        let mut notes = self.standing.clone();
        let Some(publisher) = &self.publisher else { return notes };
        let state = publisher.state();
        if let Some(failure) = state.failure {
            let count = self.newest.publish_failures.load(Relaxed);
            let s = if count == 1 { "" } else { "s" };
            notes.push(format!("{count} sample{s} not published: {failure}"));
        }
        if state.observes_itself {
            notes.push(
                "it publishes to a Redis that it watches: what is added there is seen in the figures".into(),
            );
        }
        notes
    }
}

impl Scene for ServersScreen {
    fn draw(&mut self, frame: &mut Frame<'_>) {
        ServersScreen::draw(self, frame);
    }

    fn wish(&mut self, wish: Wish) {
        match wish {
            Wish::Help => self.help = !self.help,
            Wish::Down => self.choose_next(),
            Wish::Up => self.choose_before(),
            Wish::All if self.help => self.help = false,
            Wish::All => self.choose_all(),
            Wish::Pause => self.hold(),
            Wish::Redraw | Wish::Quit | Wish::Interrupt => {}
        }
    }
}

/// The rounds and the screen end before the session only where they have panicked, which has been told by then.
fn stopped() -> MonitorError {
    MonitorError::Stopped
}

/// The blocking thread ends only by returning.
fn rows_written(
    written: Result<io::Result<()>, tokio::task::JoinError>,
    path: &Path,
) -> Result<(), MonitorError> {
    let written = written.unwrap_or_else(|ended| Err(io::Error::other(ended)));
    written.map_err(|source| MonitorError::Rows { path: PathBuf::from(path), source })
}

fn title(places: &[ServerAddress]) -> String {
    let names: Vec<_> = places.iter().map(|place| place.name.as_str()).collect();
    names.join(", ")
}

/// The things that end a session.
struct Ending {
    signals: mpsc::Receiver<()>,
    _signals: AbortOnDrop,
    over_at: Option<Instant>,
    left: Option<u64>,
    give_up: Duration,
    lost: Option<Lost>,
    /// True if a server has answered once.
    has_seen_one: bool,
}

/// That no server answers.
struct Lost {
    since: Instant,
    /// Why one of them did not the last time.
    reason: String,
}

impl Ending {
    fn new(options: &MonitorOptions) -> Result<Self, MonitorError> {
        let (sender, signals) = mpsc::channel(1);
        let mut all = Signals::listen().map_err(MonitorError::Terminal)?;
        let waiting = tokio::spawn(async move {
            all.next().await;
            output::hurry();
            let _ = sender.send(()).await;
            all.next().await;
            terminal::give_back();
            std::process::exit(130);
        });
        Ok(Self {
            signals,
            _signals: AbortOnDrop::new(waiting.abort_handle()),
            over_at: options.lasts.map(|lasts| Instant::now() + lasts),
            left: options.count,
            give_up: options.give_up,
            lost: None,
            has_seen_one: false,
        })
    }

    /// Takes note of a round, and says whether it was the last that was asked for.
    fn is_over_after(&mut self, round: &Round) -> bool {
        self.lost = if round.is_lost() {
            let why = |sample: &ServerSample| Some(format!("{}: {}", sample.node, sample.reason()?));
            let reason = round.samples.iter().find_map(why).unwrap_or_default();
            let since = self.lost.as_ref().map_or_else(Instant::now, |lost| lost.since);
            Some(Lost { since, reason })
        } else {
            self.has_seen_one = true;
            None
        };
        let Some(left) = &mut self.left else { return false };
        *left = left.saturating_sub(1);
        *left == 0
    }

    /// The end of a session that lasted as long as was asked for.
    ///
    /// # Errors
    /// Where no server has ever answered.
    fn over(&mut self) -> Result<SessionEnd, MonitorError> {
        match self.lost.take().filter(|_| !self.has_seen_one) {
            None => Ok(SessionEnd::Over),
            Some(Lost { reason, .. }) => Err(MonitorError::NeverAnswered { reason }),
        }
    }

    /// Waits for the end that comes between rounds, however far apart they are: a signal, the time that was given, or
    /// that no server has answered for too long.
    async fn comes(&mut self) -> Result<SessionEnd, MonitorError> {
        let (over_at, waited) = (self.over_at, self.give_up);
        let give_up_at = self.lost.as_ref().map(|lost| lost.since + waited);
        tokio::select! {
            () = self.signal() => return Ok(SessionEnd::Interrupted),
            () = until(over_at) => return self.over(),
            () = until(give_up_at) => {}
        }
        let reason = self.lost.as_ref().map(|lost| lost.reason.clone()).unwrap_or_default();
        Err(MonitorError::GaveUp { waited, reason })
    }

    /// Waits for a signal to end.
    async fn signal(&mut self) {
        if self.signals.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

/// Waits until then; for ever where there is no such time.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{answered, lost, moment};
    use super::*;
    use crate::monitor::sample::Role;

    fn ending(give_up: Duration) -> Ending {
        let options = MonitorOptions {
            redis: Vec::new(),
            nodes: None,
            interval: Duration::from_secs(15),
            count: None,
            lasts: None,
            output: Output::Stdout,
            listen: None,
            publish: None,
            give_up,
        };
        Ending::new(&options).unwrap()
    }

    fn round(sample: ServerSample) -> Round {
        Round { at: moment(), samples: vec![sample], deployment: "single", notes: Vec::new() }
    }

    #[tokio::test(start_paused = true)]
    async fn servers_are_given_up_when_their_time_is_over_and_not_only_at_the_next_round() {
        let (mut ending, began) = (ending(Duration::from_secs(1)), Instant::now());
        assert!(!ending.is_over_after(&round(lost("a:1"))));
        let error = ending.comes().await.unwrap_err();
        assert_eq!(began.elapsed().as_secs(), 1);
        assert!(
            matches!(&error, MonitorError::GaveUp { reason, .. } if reason.starts_with("a:1: ")),
            "{error}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn patience_counts_from_the_first_of_the_lost_rounds_and_anew_after_an_answer() {
        let mut ending = ending(Duration::from_secs(20));
        let second = Duration::from_secs(1);
        for (sample, ends) in [
            (lost("a:1"), false),
            (answered("a:1", Role::Primary, 1, 1), false),
            (lost("a:1"), false),
            (lost("a:1"), true),
        ] {
            ending.is_over_after(&round(sample));
            let ended = tokio::time::timeout(15 * second, ending.comes()).await;
            assert_eq!(ended.is_ok(), ends);
        }
    }
}
