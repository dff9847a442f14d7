//! A server for the callbacks of CloudFormation's custom resources.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// An HTTP server that records every request with its head and body.
pub struct CallbackServer {
    pub url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl CallbackServer {
    /// Responds to each request with the next of these statuses, and with 200 after the last.
    pub async fn start(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!(
            "http://{}/response?X-Amz-Signature=a%2Bb",
            listener.local_addr().expect("an address")
        );
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let received = requests.clone();
        tokio::spawn(async move {
            let mut statuses = statuses.iter();
            loop {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                let mut request = Vec::new();
                while !is_complete(&request) {
                    let mut bytes = [0; 4096];
                    let read = stream.read(&mut bytes).await.expect("bytes");
                    request.extend_from_slice(&bytes[..read]);
                }
                let request = String::from_utf8(request).expect("a text");
                received.lock().unwrap().push(request);
                let status = statuses.next().unwrap_or(&200);
                let response = format!(
                    "HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                );
                stream
                    .write_all(response.as_bytes())
                    .await
                    .expect("a response");
            }
        });
        Self { url, requests }
    }

    /// The requests since the last call.
    pub fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }
}

fn is_complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| {
        line.to_lowercase()
            .strip_prefix("content-length: ")?
            .parse()
            .ok()
    });
    body.len() >= length.unwrap_or(0)
}
