//! A proxy before a server, whose connections can be made to hang: nothing passes, and nothing closes.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Where a connection hangs that sends a certain statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hang {
    /// The statement does not reach the server.
    Before,
    /// The server executes it, and its answer does not come back.
    After,
}

/// Passes everything on, until it is told not to. It ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    server: u16,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    connections: u64,
    /// Connections with a lower number hang.
    hang_below: u64,
    new_ones_hang: bool,
    statements: Vec<(Vec<u8>, Hang)>,
    /// The statement from which on messages are counted, and how many still pass.
    countdown: Option<(Vec<u8>, usize)>,
    hung: usize,
    over: bool,
}

impl Proxy {
    /// Before the server that listens on this port.
    pub fn start(server: u16) -> std::io::Result<Proxy> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared { server, state: Mutex::default(), changed: Condvar::new() });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                if accepting.lock().over {
                    return;
                }
                // Whoever is not let through sees a closed connection.
                let _ = accepting.connect(client);
            }
        });
        Ok(Proxy { port, shared })
    }

    /// Its own port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `mysql://root@127.0.0.1:PORT/database`, without TLS, so that statements can be told.
    pub fn url(&self, database: &str) -> String {
        format!("mysql://root@127.0.0.1:{}/{database}?ssl-mode=disabled", self.port)
    }

    /// All connections that there are hang from now on; new ones work.
    pub fn hang(&self) {
        let mut state = self.shared.lock();
        state.hung += 1;
        state.hang_below = state.connections;
    }

    /// New connections hang from the start, or don't any more.
    pub fn hang_new(&self, hang: bool) {
        self.shared.lock().new_ones_hang = hang;
    }

    /// The next connection hangs that sends this statement; once for each call.
    pub fn hang_at(&self, statement: &str, hang: Hang) {
        self.shared.lock().statements.push((statement.as_bytes().to_vec(), hang));
    }

    /// The next connection that sends this statement hangs at the message that comes `after` so many; 0 is the statement
    /// itself. What it hangs at does not reach the server.
    pub fn hang_in(&self, statement: &str, after: usize) {
        self.shared.lock().countdown = Some((statement.as_bytes().to_vec(), after));
    }

    /// How often something was made to hang.
    #[must_use]
    pub fn hung(&self) -> usize {
        self.shared.lock().hung
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.shared.changed.notify_all();
        // Wakes the listener.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(self: &Arc<Shared>, client: TcpStream) -> std::io::Result<()> {
        let server = TcpStream::connect(("127.0.0.1", self.server))?;
        let number = {
            let mut state = self.lock();
            state.connections += 1;
            if state.new_ones_hang { u64::MAX } else { state.connections - 1 }
        };
        let connection = Arc::new(Mutex::new(number == u64::MAX));
        for (from, to, is_client) in [(&client, &server, true), (&server, &client, false)] {
            let (from, to) = (from.try_clone()?, to.try_clone()?);
            from.set_read_timeout(Some(Duration::from_millis(20)))?;
            from.set_nodelay(true)?;
            let (shared, connection) = (Arc::clone(self), Arc::clone(&connection));
            std::thread::spawn(move || {
                shared.pass(from, to, number, is_client, &connection);
            });
        }
        Ok(())
    }

    /// Passes bytes on in one direction, until an end closes or nothing may pass any more.
    fn pass(&self, mut from: TcpStream, mut to: TcpStream, number: u64, is_client: bool, hangs: &Mutex<bool>) {
        let mut bytes = vec![0; 1 << 16];
        let mut left = None;
        loop {
            let read = match from.read(&mut bytes) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => 0,
                Err(_) => break,
            };
            let mut hang = hangs.lock().unwrap_or_else(PoisonError::into_inner);
            let mut state = self.lock();
            *hang |= number < state.hang_below;
            let mut passes = !*hang;
            let sent = |statement: &[u8]| bytes[..read].windows(statement.len()).any(|found| found == statement);
            if is_client
                && !*hang
                && let Some(hit) = state.statements.iter().position(|(statement, _)| sent(statement))
            {
                passes = state.statements.remove(hit).1 == Hang::After;
                *hang = true;
                state.hung += 1;
            }
            if is_client && read > 0 && !*hang {
                if let Some((_, after)) = state.countdown.take_if(|(statement, _)| sent(statement)) {
                    left = Some(after);
                }
                match &mut left {
                    Some(0) => {
                        (passes, *hang) = (false, true);
                        state.hung += 1;
                    }
                    Some(left) => *left -= 1,
                    None => {}
                }
            }
            let stays = *hang;
            drop(hang);
            if stays {
                drop(state);
                if passes && to.write_all(&bytes[..read]).is_err() {
                    break;
                }
                // Both sockets stay open.
                let mut state = self.lock();
                while !state.over {
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                break;
            }
            let over = state.over;
            drop(state);
            if over || to.write_all(&bytes[..read]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    }
}
