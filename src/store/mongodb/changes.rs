//! Changes of documents as MongoDB announces them: a change stream over one collection, which needs a replica
//! set (the MongoDB manual, "Change Streams").

use std::time::Duration;

use futures_util::StreamExt as _;
use mongodb::bson::{Document as Decoded, RawDocument, RawDocumentBuf};
use mongodb::change_stream::ChangeStream as Stream;
use mongodb::change_stream::event::{ChangeStreamEvent, ResumeToken};
use mongodb::error::{Error, ErrorKind as DriverError};
use tokio::sync::mpsc;

use super::errors::store_error;
use super::{MongoDatabase, timed_out};
use crate::results::FailedStep;
use crate::store::changes::{Announced, ChangeFeed, Changes};
use crate::store::{StoreError, Version};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

const RESUMING: &str = "resuming the change stream";

/// The code of the error that the server no longer has the changes after the token
/// (`ChangeStreamHistoryLost`).
const HISTORY_LOST: i32 = 286;

/// The stream as the driver opens it. Of its events only two fields are of use here, which are read where they lie.
type Opened = Stream<ChangeStreamEvent<Decoded>>;

impl MongoDatabase {
    /// See [`Changes::changes`](crate::store::Changes::changes).
    pub(in crate::store) async fn change_stream(&self, collection: &str) -> Result<ChangeFeed, StoreError> {
        let collection = self.database.collection::<Decoded>(collection);
        let opening = self.bounded("opening a change stream", collection.watch().into_future());
        let mut stream = Some(opening.await?);
        let (counters, uri, bound) = (self.counters.clone(), self.uri.clone(), self.response_timeout);
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            // The token is taken at the opening, so that a stream that breaks before its first event can be
            // resumed too.
            let mut token = stream.as_ref().and_then(Opened::resume_token);
            let mut pause = FIRST_PAUSE;
            loop {
                if let Some(stream) = stream.take() {
                    pause = FIRST_PAUSE;
                    if sender.send(Announced::Connected).is_err() {
                        return;
                    }
                    forward(stream, &mut token, &sender).await;
                }
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = sender.closed() => return,
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
                let resuming = collection.watch().resume_after(token.clone()).into_future();
                // Where the server cannot be reached, the stream is resumed where it ended once the server is back.
                let failed = match tokio::time::timeout(bound, resuming).await {
                    Ok(Ok(resumed)) => {
                        stream = Some(resumed);
                        continue;
                    }
                    Ok(Err(error)) => {
                        if is_history_lost(&error) {
                            token = None;
                            if sender.send(Announced::Missed).is_err() {
                                return;
                            }
                        }
                        store_error(&error, RESUMING, &uri)
                    }
                    Err(_) => timed_out(RESUMING, bound),
                };
                counters.setback(FailedStep::Background, &failed);
            }
        });
        Ok(receiver)
    }
}

/// Forwards events until the stream breaks off or the receiver is dropped. `token` is left at the place to
/// resume from.
async fn forward(stream: Opened, token: &mut Option<ResumeToken>, sender: &mpsc::UnboundedSender<Announced>) {
    let mut stream = stream.with_type::<RawDocumentBuf>();
    loop {
        let event = tokio::select! {
            event = stream.next() => event,
            () = sender.closed() => return,
        };
        let Some(Ok(event)) = event else { return };
        *token = stream.resume_token();
        let Some(id) = at(&event, &["documentKey"]).and_then(|key| key.get_str("_id").ok()) else { continue };
        if sender.send(Announced::Changed { id: id.to_owned(), version: version(&event) }).is_err() {
            return;
        }
    }
}

/// The version of the document after the event, if the event contains it.
fn version(event: &RawDocument) -> Option<Version> {
    let updated = at(event, &["updateDescription", "updatedFields"]);
    let fields = updated.or_else(|| at(event, &["fullDocument"]))?;
    Version::try_from(fields.get_i64("_v").ok()?).ok()
}

/// The document in a document that the names lead to.
fn at<'a>(document: &'a RawDocument, names: &[&str]) -> Option<&'a RawDocument> {
    names.iter().try_fold(document, |document, name| document.get_document(name).ok())
}

fn is_history_lost(error: &Error) -> bool {
    matches!(&*error.kind, DriverError::Command(command) if command.code == HISTORY_LOST)
}

impl Changes for MongoDatabase {
    async fn changes(&self, collection: &str) -> Result<ChangeFeed, StoreError> {
        self.change_stream(collection).await
    }
}
