//! Connections: what is written goes out at once, and who does not read for
//! long is hung up on.

use std::{net::SocketAddr, pin::Pin, time::Duration};

use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;

/// Accepts connections. Reads may take for ever: a client that follows events
/// has nothing to say.
#[derive(Debug)]
pub struct Connections {
    listener: TcpListener,
    patience: Duration,
}

impl Connections {
    /// Connections on which a write that nobody reads fails after `patience`:
    /// a finished tile takes memory until it is sent.
    #[must_use]
    pub fn new(listener: TcpListener, patience: Duration) -> Self {
        Self { listener, patience }
    }
}

impl Listener for Connections {
    type Io = Pin<Box<TimeoutStream<TcpStream>>>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        // As `axum` does it, which waits where there are too many files open.
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // The last part of an answer is not held back until the others are
        // acknowledged. Without it, answers are right and slower.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection without TCP_NODELAY");
        }
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.patience));
        (Box::pin(stream), address)
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt as _;

    #[tokio::test]
    async fn who_does_not_read_is_hung_up_on() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut connections = Connections::new(listener, Duration::from_millis(1));
        let _client = TcpStream::connect(address).await.unwrap();
        let (mut stream, _) = connections.accept().await;
        // More than any buffer of the system holds.
        let answer = vec![0; 64 << 20];
        let error = stream.write_all(&answer).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    }
}
