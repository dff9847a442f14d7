//! Requests to ministack, the emulator of AWS, for which the suite has no SDK.

use std::collections::BTreeMap;

use local::CapturedEmail;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

pub struct Emulator {
    http: Client,
    endpoint: String,
    region: String,
    key: String,
}

impl Emulator {
    /// The emulator that the AWS SDKs' variables name.
    pub fn new(variables: &BTreeMap<String, String>) -> Self {
        let endpoint = variables["AWS_ENDPOINT_URL"].clone();
        let loopback = endpoint.starts_with("http://127.0.0.1:");
        assert!(
            loopback,
            "{endpoint} is not an emulator on this machine, and the suite empties every table"
        );
        let http = Client::builder().no_proxy().build().expect("a client");
        Self {
            http,
            endpoint,
            region: variables["AWS_REGION"].clone(),
            key: variables["AWS_ACCESS_KEY_ID"].clone(),
        }
    }

    /// Every e-mail sent since the emulator started, in order.
    pub async fn mails(&self) -> Vec<CapturedEmail> {
        let sent = self
            .http
            .get(format!("{}/_ministack/ses/messages", self.endpoint));
        let sent = read(sent).await;
        let accounts = sent["messages"].as_object().expect("accounts").values();
        accounts
            .flat_map(|mails| mails.as_array().expect("mails"))
            .map(mail)
            .collect()
    }

    /// Every log line of the functions since `since`, in milliseconds after 1970.
    pub async fn logs(&self, since: u128) -> Vec<String> {
        let mut lines = Vec::new();
        let groups = self.log("DescribeLogGroups", &json!({})).await;
        for group in groups["logGroups"].as_array().expect("groups") {
            let query = json!({"logGroupName": group["logGroupName"], "startTime": since});
            let found = self.log("FilterLogEvents", &query).await;
            let events = found["events"].as_array().expect("events");
            lines.extend(events.iter().map(|event| text(&event["message"])));
        }
        lines
    }

    async fn log(&self, operation: &str, query: &Value) -> Value {
        let request = self
            .post("logs", "/")
            .header("x-amz-target", format!("Logs_20140328.{operation}"));
        let request = request.header("content-type", "application/x-amz-json-1.1");
        read(request.body(query.to_string())).await
    }

    /// Invokes the function of this physical id.
    pub async fn invoke(&self, function: &str, event: &Value) -> Value {
        let request = self.post(
            "lambda",
            &format!("/2015-03-31/functions/{function}/invocations"),
        );
        send(request.body(event.to_string())).await
    }

    /// The avatar at `url`, from the distribution, which the emulator finds by the host name.
    pub async fn fetch(&self, url: &str) -> reqwest::Response {
        let url: reqwest::Url = url.parse().expect("a URL");
        let request = self.http.get(format!("{}{}", self.endpoint, url.path()));
        let request = request.header("host", url.host_str().expect("a host"));
        request
            .header("x-forwarded-proto", url.scheme())
            .send()
            .await
            .expect("a response")
    }

    /// A request by the account's root. The emulator does not verify the signature.
    fn post(&self, service: &str, path: &str) -> RequestBuilder {
        let (key, region) = (&self.key, &self.region);
        let signature = format!(
            "AWS4-HMAC-SHA256 Credential={key}/20260101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=0"
        );
        self.http
            .post(format!("{}{path}", self.endpoint))
            .header("authorization", signature)
    }
}

/// The response to a request that changes nothing. The emulator fails now and then if a function
/// writes an e-mail or a log line meanwhile, so the request is retried.
async fn read(request: RequestBuilder) -> Value {
    for _ in 0..10 {
        let attempt = request.try_clone().expect("a body that is no stream");
        let response = attempt.send().await.expect("a response");
        if response.status().is_success() {
            return response.json().await.expect("JSON");
        }
    }
    send(request).await
}

async fn send(request: RequestBuilder) -> Value {
    request
        .send()
        .await
        .expect("a response")
        .json()
        .await
        .expect("JSON")
}

fn mail(sent: &Value) -> CapturedEmail {
    CapturedEmail {
        to: sent["To"]
            .as_array()
            .expect("addresses")
            .iter()
            .map(text)
            .collect(),
        subject: text(&sent["Subject"]),
        text: text(&sent["BodyText"]),
        html: text(&sent["BodyHtml"]),
        at: sent["Timestamp"].to_string(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
