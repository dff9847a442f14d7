use super::*;

fn routes(lines: &[&str]) -> Routes {
    let route = |line: &&str| {
        let (method, path) = line.split_once(' ').unwrap_or(("ANY", line));
        Route {
            method: method.to_owned(),
            path: path.to_owned(),
            function: line.to_string(),
        }
    };
    Routes::new(lines.iter().map(route).collect())
}

/// The route that takes `GET path`, or the method before the space.
fn taken<'a>(routes: &'a Routes, request: &str) -> &'a str {
    let (method, path) = request.split_once(' ').unwrap();
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    routes
        .find(&method, path)
        .map_or("none", |found| found.route.function.as_str())
}

#[test]
fn the_most_specific_path_wins_whatever_the_order() {
    let routes = routes(&[
        "$default",
        "ANY /{all+}",
        "GET /pets/{all+}",
        "GET /pets/{kind}/1",
        "GET /pets/dog/{id}",
        "GET /pets/dog/1",
    ]);
    assert_eq!(taken(&routes, "GET /pets/dog/1"), "GET /pets/dog/1");
    assert_eq!(taken(&routes, "GET /pets/dog/2"), "GET /pets/dog/{id}");
    assert_eq!(taken(&routes, "GET /pets/cat/1"), "GET /pets/{kind}/1");
    assert_eq!(taken(&routes, "GET /pets/cat/2"), "GET /pets/{all+}");
    assert_eq!(taken(&routes, "GET /cars"), "ANY /{all+}");
}

#[test]
fn another_method_falls_to_less_specific_routes() {
    let routes = routes(&[
        "GET /me",
        "ANY /me",
        "GET /login",
        "POST /{all+}",
        "$default",
    ]);
    assert_eq!(taken(&routes, "GET /me"), "GET /me");
    assert_eq!(taken(&routes, "HEAD /me"), "ANY /me");
    assert_eq!(taken(&routes, "POST /login"), "POST /{all+}");
    assert_eq!(taken(&routes, "PUT /login"), "$default");
}

#[test]
fn a_slash_at_the_end_is_another_path_and_only_a_greedy_variable_takes_it() {
    let routes = routes(&["GET /x/{all+}", "GET /y", "GET /z/{id}"]);
    assert_eq!(taken(&routes, "GET /x/"), "GET /x/{all+}");
    assert_eq!(taken(&routes, "GET /x"), "none");
    assert_eq!(taken(&routes, "GET /y"), "GET /y");
    assert_eq!(taken(&routes, "GET /y/"), "none");
    assert_eq!(taken(&routes, "GET /z/"), "none");
}

#[test]
fn variables_are_decoded() {
    let routes = routes(&["GET /users/{id}/{rest+}"]);
    let found = routes.find(&Method::GET, "/users/a%20b/c/d%2Fe").unwrap();
    let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        found.variables,
        [variable("id", "a b"), variable("rest", "c/d/e")]
    );
}
