//! The server: accepts connections, routes requests, and ties plan, reply and record together. Apart from all of them,
//! because only here do they meet.

use crate::answers::{AnswersError, Book, read_answers};
use crate::config::{Answers, SimConfig};
use crate::dialect::Dialect;
use crate::embedding::embeddings;
use crate::fault::Fault;
use crate::foreign::Foreign;
use crate::http::{Connection, Framing, Head, Incoming, Route, Unreadable};
use crate::persona::{Feature, Persona};
use crate::plan::{Cast, Plan};
use crate::record::{Entry, Record};
use crate::reply::{After, Reply, Trace, Voice};
use crate::wire::{self, ChatRequest};
use seatrial_types::ContentHash;
use serde::Serialize;
use serde_json::Value;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Connections served at one time; further ones wait in the kernel.
const CONNECTIONS_MAX: usize = 16_384;
/// Connections that the kernel holds until they are accepted. The usual 128 would drop part of a burst of a thousand
/// and make its clients wait a second for the next try, which would be measured as the provider's latency.
const BACKLOG: i32 = 4096;
/// Pause after a failed accept: too many open files do not become fewer by trying at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// A simulated provider, bound and ready to run.
#[derive(Debug)]
pub struct Sim {
    listener: StdListener,
    addr: SocketAddr,
    provider: Arc<Provider>,
}

/// Everything that connections share.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) config: SimConfig,
    pub(crate) record: Record,
    cast: Cast,
    /// Free slots, by persona.
    slots: Vec<Option<Semaphore>>,
    sequence: AtomicU64,
}

impl Sim {
    /// Binds a provider; port 0 takes a free one. Connections are accepted by the kernel from now on and served once
    /// [`Sim::run`] is polled.
    ///
    /// # Errors
    /// `InvalidInput` for a bad configuration or an address that is not loopback, `InvalidData` for a bad answer file,
    /// else what the system says about files and sockets.
    pub fn bind(addr: SocketAddr, config: SimConfig) -> io::Result<Self> {
        let invalid = |error: String| io::Error::new(io::ErrorKind::InvalidInput, error);
        config.validate().map_err(|error| invalid(error.to_string()))?;
        if !config.allow_remote && !addr.ip().is_loopback() {
            let message = format!("found address {addr}, expected a loopback address such as 127.0.0.1:0");
            return Err(invalid(message));
        }
        let provider = Provider::new(config)?;
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
        // A port that was in use a moment ago can be taken again; on Windows the same option would let two share it.
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        socket.bind(&addr.into())?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        let listener = StdListener::from(socket);
        let addr = listener.local_addr()?;
        Ok(Self {
            listener,
            addr,
            provider: Arc::new(provider),
        })
    }

    /// The address it is bound to.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves until `shutdown` is ready. Connections are then closed where they are, and the log file is complete.
    ///
    /// Must be polled in a tokio runtime with I/O and time.
    ///
    /// # Errors
    /// When the runtime does not take the socket or the log file cannot be written.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let listener = TcpListener::from_std(self.listener)?;
        let mut connections = JoinSet::new();
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(_) = connections.join_next() => {}
                accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                    Ok((stream, _)) => {
                        let provider = Arc::clone(&self.provider);
                        connections.spawn(async move { provider.serve(stream).await });
                    }
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
            }
        }
        connections.shutdown().await;
        self.provider.record.flush()
    }

    pub(crate) fn provider(&self) -> Arc<Provider> {
        Arc::clone(&self.provider)
    }
}

impl Provider {
    fn new(mut config: SimConfig) -> io::Result<Self> {
        let rows = match std::mem::take(&mut config.answers) {
            Answers::None => Vec::new(),
            Answers::Rows(rows) => rows,
            Answers::File(path) => {
                let text = std::fs::read_to_string(&path)
                    .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
                read_answers(&text).map_err(|error| bad_answers(&error))?
            }
        };
        let book = Book::new(rows).map_err(|error| bad_answers(&error))?;
        let models = config.personas.iter().map(|persona| persona.model.as_str());
        let record = Record::new(models, config.log_capacity, config.log_file.as_deref())?;
        let slots = config
            .personas
            .iter()
            .map(|persona| persona.slots.map(Semaphore::new))
            .collect();
        let cast = Cast::new(&config, book);
        Ok(Self {
            config,
            record,
            cast,
            slots,
            sequence: AtomicU64::new(0),
        })
    }

    /// One connection from its first to its last request.
    async fn serve(&self, stream: TcpStream) {
        // Without it, small events would wait for the acknowledgement of the one before.
        let _best_effort = stream.set_nodelay(true);
        let number = self.record.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let mut connection = Connection::new(stream);
        loop {
            let after = match connection.read(self.config.body_bytes_max).await {
                Ok(incoming) => self.answer(&mut connection, incoming, number).await,
                Err(Unreadable::Gone) => return,
                Err(Unreadable::Refused { status, message }) => {
                    let refusal = Refusal {
                        status,
                        message,
                        param: None,
                        code: None,
                    };
                    send_refusal(&mut connection, &refusal, false)
                        .await
                        .map(|_| After::Close)
                }
            };
            match after {
                Ok(After::Keep) => {}
                Ok(After::Close) | Err(_) => return,
                Ok(After::Reset) => {
                    let _best_effort = connection.reset();
                    return;
                }
            }
        }
    }

    async fn answer(
        &self,
        connection: &mut Connection,
        incoming: Incoming,
        number: u64,
    ) -> io::Result<After> {
        let received = Instant::now();
        let keeps_alive = incoming.head.keeps_alive;
        if let Route::Ask(dialect) = incoming.head.route {
            return self.ask(connection, incoming, dialect, (number, received)).await;
        }
        if incoming.head.route == Route::Embeddings {
            let body = self.embed(connection.body(&incoming), &incoming.head);
            connection.consume(&incoming);
            return match body {
                Ok(body) => send_value(connection, &body, keeps_alive).await,
                Err(refusal) => send_refusal(connection, &refusal, keeps_alive).await,
            };
        }
        connection.consume(&incoming);
        let refusal = match incoming.head.route {
            Route::Models => {
                let mut body = Vec::new();
                wire::models(
                    &mut body,
                    self.config.personas.iter().map(|persona| persona.model.as_str()),
                );
                return send_json(connection, 200, &body, keeps_alive).await;
            }
            Route::Stats => {
                return send_value(connection, &self.record.stats(self.config.seed), keeps_alive).await;
            }
            Route::Log { after } => {
                self.record.flush()?;
                return send_value(connection, &self.record.log_page(after), keeps_alive).await;
            }
            Route::Latency { after, model } => {
                let report = self.record.latency(after, model.as_deref());
                return send_value(connection, &report, keeps_alive).await;
            }
            Route::Unknown { path } => Refusal::new(404, format!("found no `{path}` here")),
            Route::WrongMethod | Route::Ask(_) | Route::Embeddings => {
                Refusal::new(405, "found another method than this path has")
            }
        };
        send_refusal(connection, &refusal, keeps_alive).await
    }

    async fn ask(
        &self,
        connection: &mut Connection,
        incoming: Incoming,
        dialect: Dialect,
        (number, received): (u64, Instant),
    ) -> io::Result<After> {
        let _in_flight = self.record.begin();
        let order = self.order(connection.body(&incoming), &incoming.head, dialect);
        connection.consume(&incoming);
        let Head {
            is_old, keeps_alive, ..
        } = incoming.head;
        let mut order = match order {
            Ok(order) => order,
            Err(refusal) => {
                self.record.reject();
                return match Foreign::refusal(dialect, refusal.status, &refusal.message) {
                    Some(body) => {
                        let body = serde_json::to_vec(&body)?;
                        send_json(connection, refusal.status, &body, keeps_alive).await
                    }
                    None => send_refusal(connection, &refusal, keeps_alive).await,
                };
            }
        };
        let Some(ready) = self.cast.ready.get(order.persona) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let slot = self.slots.get(order.persona).and_then(Option::as_ref);
        let mut trace = Trace::default();
        let mut is_complete = false;
        let result = async {
            // Queueing for a slot is part of the latency that the client sees; the delays start after it.
            let (_permit, start) = match slot {
                Some(slot) if ready.persona.full_is_429 => {
                    let permit = slot.try_acquire().ok();
                    if permit.is_none() {
                        order.plan.fault = Some(Fault::RateLimited);
                    }
                    (permit.map(Ok), received)
                }
                Some(slot) => (Some(connection.while_open(slot.acquire()).await?), Instant::now()),
                None => (None, received),
            };
            let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
            let voice = Voice::new(dialect, sequence, unix_seconds(), &order.model)
                .telling_log_probabilities(order.tells_log_probabilities);
            let mut reply = Reply::new(connection, &ready.persona, &mut order.plan, voice, start);
            reply.is_old = is_old;
            reply.keeps_alive = keeps_alive;
            let result = reply.send().await;
            trace = reply.trace;
            is_complete = result.is_ok();
            result
        }
        .await;
        let Order {
            persona,
            conversation,
            attempt,
            plan,
            ..
        } = order;
        self.record.finish(Entry {
            persona: persona as u32,
            attempt,
            connection: number,
            conversation,
            status: trace.status,
            is_stream: plan.is_stream,
            is_complete,
            fault: plan.fault,
            correctness: plan.correctness,
            output_tokens: plan.output_tokens(),
            events: u32::try_from(plan.events()).unwrap_or(u32::MAX),
            received,
            first_byte: trace.first_byte,
            first_token: trace.first_token,
            end: Instant::now(),
        });
        result
    }

    fn check_key(&self, head: &Head) -> Result<(), Refusal> {
        if self.config.api_key.is_some() && head.key != self.config.api_key {
            return Err(Refusal {
                code: Some("invalid_api_key"),
                ..Refusal::new(401, "found a wrong API key or none in `authorization`")
            });
        }
        Ok(())
    }

    /// Vectors for texts.
    fn embed(&self, body: &[u8], head: &Head) -> Result<Value, Refusal> {
        self.check_key(head)?;
        let refused = |message: String| Refusal::new(400, message);
        let request = serde_json::from_slice(body)
            .map_err(|error| refused(format!("the body is not JSON: {error}")))?;
        embeddings(&request).map_err(refused)
    }

    /// What a request gets, or why it gets nothing.
    fn order(&self, body: &[u8], head: &Head, dialect: Dialect) -> Result<Order, Refusal> {
        self.check_key(head)?;
        if dialect == Dialect::Messages && !head.names_version {
            return Err(Refusal::new(400, "anthropic-version: header is required"));
        }
        let request = dialect.read(body).map_err(|message| Refusal::new(400, message))?;
        let ready = self
            .cast
            .find(&request.model)
            .and_then(|index| Some((index, self.cast.ready.get(index)?)));
        let (persona, ready) = ready.ok_or_else(|| {
            let message = format!("found no model `{}` here", request.model);
            Refusal {
                param: Some("model"),
                code: Some("model_not_found"),
                ..Refusal::new(404, message)
            }
        })?;
        refused_feature(&ready.persona, &request)?;
        let conversation = request.conversation();
        let attempt = self.record.attempt(persona as u32, conversation);
        Ok(Order {
            tells_log_probabilities: request.logprobs == Some(true),
            persona,
            plan: self.cast.plan(ready, &request, &conversation, attempt),
            model: request.model.into_owned(),
            conversation,
            attempt,
        })
    }
}

/// A chat request that will be answered.
#[derive(Debug)]
struct Order {
    persona: usize,
    model: String,
    conversation: ContentHash,
    attempt: u32,
    plan: Plan,
    tells_log_probabilities: bool,
}

/// A request that gets an error and nothing else.
#[derive(Debug)]
struct Refusal {
    status: u16,
    message: String,
    param: Option<&'static str>,
    code: Option<&'static str>,
}

impl Refusal {
    fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            param: None,
            code: None,
        }
    }
}

fn refused_feature(persona: &Persona, request: &ChatRequest<'_>) -> Result<(), Refusal> {
    let is_used = |feature: &&Feature| match feature {
        Feature::Stream => request.wants_stream(),
        Feature::StreamOptions => request.stream_options.is_some(),
        Feature::LogProbabilities => request.logprobs == Some(true),
    };
    match persona.shape.refuses.iter().find(is_used) {
        None => Ok(()),
        Some(feature) => {
            let name = feature.name();
            let message = format!("found `{name}`, which this model does not support");
            Err(Refusal {
                param: Some(name),
                code: Some("unsupported_parameter"),
                ..Refusal::new(400, message)
            })
        }
    }
}

async fn send_refusal(
    connection: &mut Connection,
    refusal: &Refusal,
    keeps_alive: bool,
) -> io::Result<After> {
    let mut body = Vec::new();
    wire::error(
        &mut body,
        &refusal.message,
        "invalid_request_error",
        refusal.param,
        refusal.code,
    );
    send_json(connection, refusal.status, &body, keeps_alive).await
}

async fn send_value(
    connection: &mut Connection,
    value: &impl Serialize,
    keeps_alive: bool,
) -> io::Result<After> {
    send_json(connection, 200, &serde_json::to_vec(value)?, keeps_alive).await
}

async fn send_json(
    connection: &mut Connection,
    status: u16,
    body: &[u8],
    keeps_alive: bool,
) -> io::Result<After> {
    connection.pace = None;
    let framing = Framing::Length(body.len());
    connection.put_head(status, "application/json", framing, keeps_alive, "");
    connection.put_part(body, framing);
    connection.flush().await?;
    Ok(if keeps_alive { After::Keep } else { After::Close })
}

fn bad_answers(error: &AnswersError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}

fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
