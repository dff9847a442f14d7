//! ministack, the emulator of AWS, asked for what no SDK here asks.

use std::collections::BTreeMap;

use local::Mail;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

pub struct Emulator {
    http: Client,
    endpoint: String,
    region: String,
    key: String,
}

impl Emulator {
    /// The emulator that the AWS SDKs' variables lead to.
    pub fn of(variables: &BTreeMap<String, String>) -> Self {
        let endpoint = variables["AWS_ENDPOINT_URL"].clone();
        let loopback = endpoint.starts_with("http://127.0.0.1:");
        assert!(
            loopback,
            "the suite empties every table, so it is not for a stack in use"
        );
        let http = Client::builder().no_proxy().build().expect("a client");
        Self {
            http,
            endpoint,
            region: variables["AWS_REGION"].clone(),
            key: variables["AWS_ACCESS_KEY_ID"].clone(),
        }
    }

    /// Every mail that was ever sent, in order.
    pub async fn mails(&self) -> Vec<Mail> {
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

    /// Every line that functions wrote since `since`, milliseconds after 1970.
    pub async fn logs(&self, since: u64) -> Vec<String> {
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
        answer(request.body(event.to_string())).await
    }

    /// The picture at `url`, from the distribution, which is known by its host name.
    pub async fn distributed(&self, url: &str) -> reqwest::Response {
        let url: reqwest::Url = url.parse().expect("a URL");
        let request = self.http.get(format!("{}{}", self.endpoint, url.path()));
        let request = request.header("host", url.host_str().expect("a host"));
        request
            .header("x-forwarded-proto", url.scheme())
            .send()
            .await
            .expect("an answer")
    }

    /// A request of the account's root, whose signature the emulator does not look at.
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

/// What a request gets that changes nothing. The emulator goes through its mails and lines while
/// functions write more, and now and then fails of that.
async fn read(request: RequestBuilder) -> Value {
    for _ in 0..10 {
        let again = request.try_clone().expect("a body that is no stream");
        let answer = again.send().await.expect("an answer");
        if answer.status().is_success() {
            return answer.json().await.expect("JSON");
        }
    }
    answer(request).await
}

async fn answer(request: RequestBuilder) -> Value {
    request
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON")
}

fn mail(sent: &Value) -> Mail {
    Mail {
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
