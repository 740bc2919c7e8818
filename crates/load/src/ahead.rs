//! Connections made before a run begins. Apart from the loops because nothing is measured yet.
//!
//! Users of a closed loop keep their connections. Were they made while the first requests are under way, those would wait
//! with them: a server takes new connections in bursts, and the tables of open files of both sides grow, which stops a
//! program with several threads for milliseconds at a time. At a thousand users that was a quarter of the tail of a run of
//! ten seconds.

use crate::clock::{RunClock, nanoseconds};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

/// Connections under way at once: a server's queue of new ones is short.
const AT_ONCE_MAX: usize = 32;
/// Most connections that are made ahead; further users make their own.
const AHEAD_MAX: usize = 16_384;
/// Most time for all of them.
const TIME_MAX: Duration = Duration::from_secs(2);
/// From so many connections on the server is given a moment to take them in; that they stand says only that its system has.
const SETTLE_FROM: usize = 32;
/// That moment.
const SETTLE: Duration = Duration::from_millis(50);

/// A connection that stands.
#[derive(Debug)]
pub(crate) struct Ahead {
    pub(crate) tcp: TcpStream,
    /// How long it took.
    pub(crate) connect_ns: u64,
}

/// Makes `count` connections, or as many as stand in time. Who cannot be reached is told by the requests, which try again.
pub(crate) fn connect_ahead(address: SocketAddr, count: usize, clock: RunClock) -> Vec<Ahead> {
    let mut made = Vec::new();
    // What fails here fails again where it is told.
    let _ = connect_all(address, count.min(AHEAD_MAX), clock, &mut made);
    if made.len() >= SETTLE_FROM {
        std::thread::sleep(SETTLE);
    }
    made
}

fn connect_all(address: SocketAddr, count: usize, clock: RunClock, made: &mut Vec<Ahead>) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(AT_ONCE_MAX);
    let mut places: Vec<Option<(TcpStream, u64)>> = (0..AT_ONCE_MAX.min(count)).map(|_| None).collect();
    let until_ns = clock.now_ns().saturating_add(nanoseconds(TIME_MAX));
    let mut begun = 0;
    loop {
        for (index, place) in places.iter_mut().enumerate() {
            if place.is_none() && begun < count {
                let started_ns = clock.now_ns();
                let mut tcp = TcpStream::connect(address)?;
                poll.registry()
                    .register(&mut tcp, Token(index), Interest::WRITABLE)?;
                *place = Some((tcp, started_ns));
                begun += 1;
            }
        }
        let left = Duration::from_nanos(until_ns.saturating_sub(clock.now_ns()));
        if left.is_zero() || places.iter().all(Option::is_none) {
            return Ok(());
        }
        match poll.poll(&mut events, Some(left)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in &events {
            let place = places.get_mut(event.token().0);
            let Some((mut tcp, started_ns)) = place.and_then(Option::take) else {
                continue;
            };
            if let Some(error) = tcp.take_error()? {
                return Err(error);
            }
            tcp.peer_addr()?;
            poll.registry().deregister(&mut tcp)?;
            made.push(Ahead {
                tcp,
                connect_ns: clock.now_ns().saturating_sub(started_ns),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Protects the number of connections, and that nobody waits for a server that is not there.
    #[test]
    fn as_many_as_asked_for() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let made = connect_ahead(address, 100, RunClock::start());
        assert_eq!(made.len(), 100);
        for one in &made {
            assert_eq!(one.tcp.peer_addr().unwrap(), address);
        }
        assert_eq!(connect_ahead(address, 0, RunClock::start()).len(), 0);
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(connect_ahead(nobody, 100, RunClock::start()).len(), 0);
    }
}
