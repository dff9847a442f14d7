//! Cold starts: the first invocation of a process never fails.

use reqwest::Method;

use crate::support::{TestApp, all};

/// The most processes of one function that `local` starts at once.
const INSTANCES: usize = 10;
const COLD_STARTS: usize = 5000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: starts 5,000 processes"]
async fn of_5000_cold_starts_under_load_none_fails() {
    let mut started = 0;
    while started < COLD_STARTS {
        let app = TestApp::new().await;
        let functions = app
            .routes()
            .into_iter()
            .filter(|route| route.method != "ANY");
        let functions =
            functions.filter(|route| !route.path.contains('{') && route.path.starts_with('/'));
        let functions: Vec<_> = functions.collect();
        let requests = functions.iter().flat_map(|route| {
            let method: Method = route.method.parse().expect("a method");
            std::iter::repeat_n((method, route.path.clone()), INSTANCES)
        });
        let responses = all(requests.map(|(method, path)| {
            let request = app.request(method.as_str(), &path);
            async move { (path, request.send().await.expect("a response").status()) }
        }))
        .await;
        for (path, status) in responses {
            assert!(!status.is_server_error(), "{path}: {status}");
        }
        let lines = app.logs().await;
        started += lines
            .iter()
            .filter(|line| line.contains(r#""cold_start":true"#))
            .count();
        assert!(
            !lines.iter().any(|line| line.contains("Runtime exited")),
            "{lines:#?}"
        );
    }
    println!("{started} cold starts");
}
