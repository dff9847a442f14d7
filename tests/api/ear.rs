//! An address to put answers to, as CloudFormation gives one.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// CloudFormation's ear: every request it got, whole.
pub struct Ear {
    pub url: String,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Ear {
    /// Answers each request with the next of these statuses, and with 200 after the last.
    pub async fn open(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!(
            "http://{}/answer?X-Amz-Signature=a%2Bb",
            listener.local_addr().expect("an address")
        );
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let told = heard.clone();
        tokio::spawn(async move {
            let mut statuses = statuses.iter();
            loop {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                let mut request = Vec::new();
                while !is_whole(&request) {
                    let mut bytes = [0; 4096];
                    let read = stream.read(&mut bytes).await.expect("bytes");
                    request.extend_from_slice(&bytes[..read]);
                }
                told.lock()
                    .unwrap()
                    .push(String::from_utf8(request).expect("a text"));
                let status = statuses.next().unwrap_or(&200);
                let answer = format!(
                    "HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                );
                stream
                    .write_all(answer.as_bytes())
                    .await
                    .expect("an answer");
            }
        });
        Self { url, heard }
    }

    /// What was put since the last question.
    pub fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }
}

fn is_whole(request: &[u8]) -> bool {
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
