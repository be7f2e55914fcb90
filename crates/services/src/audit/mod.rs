//! The audit log: who called what, from where and how it ended, in CloudTrail's words.
//!
//! A call is noted when it ends and handed to a bounded queue; one task writes what is in it, so that no
//! request waits for the disk. A call that finds the queue full is not written: it is counted, and a line
//! of the log says how many were lost as soon as there is room again.

mod event;
mod files;
mod kinds;
mod told;
mod who;
mod write;

use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use asl::Moment;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::{Caller, Context, Error, Input, Output};

pub(crate) use files::{Files, Place};
pub use write::write;

/// Which calls are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Events {
    /// None.
    #[default]
    None,
    /// What CloudTrail calls management events.
    Management,
    /// These and data events: objects read and written, endpoints invoked, tasks' answers.
    All,
}

/// The table `[audit]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditSettings {
    /// Which calls are written.
    pub events: Events,
    /// Also calls that change nothing.
    pub read_only: bool,
    /// A file that has grown to this is followed by another.
    pub file_bytes_max: u64,
    /// So many files are kept, the newest.
    pub files_kept: usize,
}

impl Default for AuditSettings {
    fn default() -> AuditSettings {
        AuditSettings {
            events: Events::None,
            read_only: true,
            file_bytes_max: 16 << 20,
            files_kept: 16,
        }
    }
}

impl AuditSettings {
    /// # Errors
    /// A file of no bytes, no files.
    pub fn check(&self) -> Result<(), String> {
        if self.file_bytes_max < 4096 || self.files_kept == 0 {
            return Err("the audit log needs a `file_bytes_max` of at least 4096 and a `files_kept` of at least 1".into());
        }
        Ok(())
    }
}

/// What is known of the request that brought a call.
#[derive(Clone, Debug)]
pub struct Wire {
    /// Where it came from.
    pub address: IpAddr,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// The page that the client says it comes from.
    pub referer: Option<String>,
    /// Its id, as the answer has it.
    pub request_id: String,
    /// The host the client asked for.
    pub host: Option<String>,
    /// How it was encrypted.
    pub tls: Option<Tls>,
    /// How it was signed; told of requests to S3 alone, whose policies ask for it.
    pub signed: Option<Signed>,
}

/// How a request was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    /// `AWS4-HMAC-SHA256`, or `AWS` for version 2.
    pub version: &'static str,
    /// In the URL rather than in a header.
    pub in_url: bool,
    /// When, if it says so: URLs of version 2 do not. Milliseconds of the epoch.
    pub at: Option<i64>,
}

/// How a connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tls {
    /// `TLSv1.3`.
    pub version: &'static str,
    /// `TLS_AES_128_GCM_SHA256`.
    pub cipher_suite: &'static str,
}

/// Calls that wait to be written, at most: in number, and in bytes of what is told of them.
const WAITING_MAX: usize = 8192;
const WAITING_BYTES_MAX: usize = 32 << 20;

/// Takes notes of calls.
pub struct Audit {
    settings: AuditSettings,
    files: Arc<Files>,
    sender: mpsc::Sender<Message>,
    receiver: Mutex<Option<mpsc::Receiver<Message>>>,
    /// Somebody waits for what is written.
    hurry: Notify,
    waiting_bytes: AtomicUsize,
    lost: AtomicU64,
}

enum Message {
    Call(Box<Noted>),
    /// To be told when all before it is written.
    Flush(oneshot::Sender<()>),
    /// Nothing comes any more.
    End,
}

/// A call that has ended.
struct Noted {
    moment: Moment,
    caller: Caller,
    wire: Option<Arc<Wire>>,
    service: &'static str,
    operation: &'static str,
    /// None if there is too much of it.
    request: Option<Value>,
    response: Option<Value>,
    error: Option<(String, String)>,
    bytes: usize,
}

impl Audit {
    /// A log in the data folder.
    pub fn new(settings: AuditSettings, data: &Path) -> Audit {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        Audit {
            files: Arc::new(Files::new(
                &data.join("audit"),
                settings.file_bytes_max,
                settings.files_kept,
            )),
            settings,
            sender,
            receiver: Mutex::new(Some(receiver)),
            hurry: Notify::new(),
            waiting_bytes: AtomicUsize::new(0),
            lost: AtomicU64::new(0),
        }
    }

    /// Whether anything is written.
    pub fn is_on(&self) -> bool {
        self.settings.events != Events::None
    }

    /// Begins the note of a call; none for calls that are not written.
    pub(crate) fn begin(
        &self,
        caller: &Caller,
        service: &'static str,
        operation: &'static str,
        members: &Value,
        wire: Option<&Arc<Wire>>,
    ) -> Option<Pending> {
        if !self.is_on()
            || (self.settings.events < Events::All && kinds::is_data(service, operation))
            || (!self.settings.read_only && kinds::is_read_only(service, operation))
        {
            return None;
        }
        let model =
            models::service(service).and_then(|model| Some((model, model.operation(operation)?)));
        let request =
            model.and_then(|(model, operation)| told::told(model, operation.input, members));
        let bytes = request.as_ref().map_or(0, |(_, bytes)| *bytes);
        let request = request.map(|(request, _)| request);
        let (caller, wire) = (caller.clone(), wire.cloned());
        Some(Pending { service, operation, request, bytes, caller, wire })
    }

    /// A call that was refused before it came to the operation.
    pub fn refused(
        &self,
        context: &Context,
        caller: &Caller,
        (service, operation): (&str, &str),
        input: &Input,
        error: &Error,
    ) {
        let Some((service, operation)) = crate::found(service, operation) else { return };
        let (members, wire) = (&input.members, input.wire.as_ref());
        if let Some(pending) = self.begin(caller, service, operation.name, members, wire) {
            pending.done(context, Err(error));
        }
    }

    /// Waits until all calls that have ended are written.
    pub(crate) async fn flush(&self) {
        let (written, heard) = oneshot::channel();
        if self.sender.send(Message::Flush(written)).await.is_ok() {
            self.hurry.notify_one();
            let _ = heard.await;
        }
    }

    /// The log ends behind what is in the queue.
    pub async fn end(&self) {
        let _ = self.sender.send(Message::End).await;
        self.hurry.notify_one();
    }

    pub(crate) fn files(&self) -> Arc<Files> {
        self.files.clone()
    }

    fn send(&self, noted: Noted) {
        let bytes = noted.bytes;
        let before = self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        let sent = before + bytes <= WAITING_BYTES_MAX
            && self.sender.try_send(Message::Call(Box::new(noted))).is_ok();
        if !sent {
            self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn receiver(&self) -> Option<mpsc::Receiver<Message>> {
        self.receiver.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A call that has begun.
pub(crate) struct Pending {
    service: &'static str,
    operation: &'static str,
    request: Option<Value>,
    bytes: usize,
    caller: Caller,
    wire: Option<Arc<Wire>>,
}

impl Pending {
    /// It has ended so.
    pub fn done(self, context: &Context, answer: Result<&Output, &Error>) {
        let Pending { service, operation, request, mut bytes, caller, wire } = self;
        let response = answer.ok().filter(|_| kinds::tells_response(service, operation));
        let response = response.and_then(|output| {
            let model = models::service(service)?;
            told::told(model, model.operation(operation)?.output, &output.members)
        });
        bytes += response.as_ref().map_or(0, |(_, bytes)| *bytes);
        let error = answer.err().map(|error| (error.code.to_string(), error.message.clone()));
        let (moment, response) = (context.clock.moment(), response.map(|(told, _)| told));
        let noted =
            Noted { moment, caller, wire, service, operation, request, response, error, bytes };
        context.audit.send(noted);
    }
}
