//! The processes of one program and who gets which. Apart from one process, which knows nothing of the others.

use super::fault::ProgramFault;
use super::spec::{ProgramSpec, ProgramSpecError};
use super::worker::{Crew, Order, work};
use seatrial_types::CallErrorKind;
use serde_json::{Map, Value};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// How long closing waits for all processes together.
const CLOSE_MAX: Duration = Duration::from_secs(2);

/// A program that answers lines. Clone-free and shared; all calls must come from one runtime.
///
/// Processes are started when they are needed and kept. They are killed, with their process groups, when the runtime
/// that called them ends, or when this is dropped inside it.
#[derive(Debug)]
pub struct Program {
    crew: Arc<Crew>,
    places: Semaphore,
    ids: AtomicU64,
    staff: Mutex<Staff>,
}

#[derive(Debug, Default)]
struct Staff {
    workers: Vec<Worker>,
    tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Worker {
    orders: mpsc::Sender<Order>,
    load: usize,
}

/// A line that answered a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The object on the line.
    pub object: Map<String, Value>,
    /// When the first byte of the request was written.
    pub sent: Instant,
    /// When the line was complete.
    pub end: Instant,
}

impl Program {
    /// Checks the description; nothing is started yet.
    ///
    /// # Errors
    /// What is wrong with it, with a hint.
    pub fn try_new(spec: ProgramSpec) -> Result<Self, ProgramSpecError> {
        let path = spec.check()?;
        Ok(Self {
            places: Semaphore::new(spec.workers * spec.in_flight),
            crew: Arc::new(Crew::new(spec, path)),
            ids: AtomicU64::new(1),
            staff: Mutex::default(),
        })
    }

    /// Requests that are worked on at the same time, at most.
    #[must_use]
    pub fn places(&self) -> usize {
        self.crew.spec.workers * self.crew.spec.in_flight
    }

    /// Asks once: adds an `id` to `request`, sends it, and waits for its answer.
    ///
    /// `began` is told the moment at which a process was free for it. Dropping the future gives the answer up; the
    /// process goes on with it.
    ///
    /// # Errors
    /// [`ProgramFault`] with what happened.
    pub async fn ask(
        &self,
        request: &Map<String, Value>,
        began: &mut Instant,
    ) -> Result<Reply, ProgramFault> {
        let place = self.places.try_acquire();
        let _place = match place {
            Ok(place) => Some(place),
            Err(_) => {
                let place = self.places.acquire().await.ok();
                *began = Instant::now();
                place
            }
        };
        let id = self.ids.fetch_add(1, Relaxed);
        let (answer, answered) = oneshot::channel();
        let order = Order {
            id,
            line: line_of(id, request),
            due: *began,
            answer,
        };
        let seat = self.take_seat();
        // Never waits: the queue of a worker has as many places as it may have requests.
        let result = match seat.orders.send(order).await {
            Ok(()) => answered.await.ok(),
            Err(_) => None,
        };
        drop(seat);
        result.unwrap_or_else(|| {
            Err(ProgramFault {
                kind: CallErrorKind::Connect,
                message: format!("`{}` was closed", self.crew.spec.shown()),
                retry: false,
                sent: None,
                end: Instant::now(),
            })
        })
    }

    /// Asks all processes to end by closing their input, and kills those that do not within two seconds.
    pub async fn close(&self) {
        let mut tasks = {
            let mut staff = self.lock();
            staff.workers.clear();
            std::mem::take(&mut staff.tasks)
        };
        let _ = tokio::time::timeout(CLOSE_MAX, async { while tasks.join_next().await.is_some() {} }).await;
        tasks.shutdown().await;
    }

    /// A seat at the worker with the least to do; a new worker while all have something to do and one more is allowed.
    fn take_seat(&self) -> Seat<'_> {
        let mut staff = self.lock();
        let least = staff
            .workers
            .iter()
            .enumerate()
            .min_by_key(|(_, worker)| worker.load)
            .map(|(index, worker)| (index, worker.load));
        let index = match least {
            Some((index, load)) if load == 0 || staff.workers.len() >= self.crew.spec.workers => index,
            _ => {
                let (orders, incoming) = mpsc::channel(self.crew.spec.in_flight);
                staff.tasks.spawn(work(Arc::clone(&self.crew), incoming));
                staff.workers.push(Worker { orders, load: 0 });
                staff.workers.len() - 1
            }
        };
        let worker = &mut staff.workers[index];
        worker.load += 1;
        Seat {
            program: self,
            index,
            orders: worker.orders.clone(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Staff> {
        // Counts and handles: there is no half-done state that a panic could leave.
        self.staff.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request's claim on a worker.
struct Seat<'a> {
    program: &'a Program,
    index: usize,
    orders: mpsc::Sender<Order>,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        if let Some(worker) = self.program.lock().workers.get_mut(self.index) {
            worker.load = worker.load.saturating_sub(1);
        }
    }
}

/// `{"id":7,…}` and a line feed. JSON text has no raw line feed inside.
fn line_of(id: u64, request: &Map<String, Value>) -> Vec<u8> {
    let mut object = Map::with_capacity(request.len() + 1);
    object.insert("id".to_owned(), id.into());
    object.extend(request.iter().map(|(key, value)| (key.clone(), value.clone())));
    let mut line = Value::Object(object).to_string().into_bytes();
    line.push(b'\n');
    line
}
