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

/// The route for a request, e.g. `GET /path`.
fn selected<'a>(routes: &'a Routes, request: &str) -> &'a str {
    let (method, path) = request.split_once(' ').unwrap();
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    routes
        .find(&method, path)
        .map_or("none", |found| found.route.function.as_str())
}

#[test]
fn the_most_specific_path_wins_in_any_order() {
    let routes = routes(&[
        "$default",
        "ANY /{all+}",
        "GET /pets/{all+}",
        "GET /pets/{kind}/1",
        "GET /pets/dog/{id}",
        "GET /pets/dog/1",
    ]);
    assert_eq!(selected(&routes, "GET /pets/dog/1"), "GET /pets/dog/1");
    assert_eq!(selected(&routes, "GET /pets/dog/2"), "GET /pets/dog/{id}");
    assert_eq!(selected(&routes, "GET /pets/cat/1"), "GET /pets/{kind}/1");
    assert_eq!(selected(&routes, "GET /pets/cat/2"), "GET /pets/{all+}");
    assert_eq!(selected(&routes, "GET /cars"), "ANY /{all+}");
}

#[test]
fn a_request_with_another_method_matches_a_less_specific_route() {
    let routes = routes(&[
        "GET /me",
        "ANY /me",
        "GET /login",
        "POST /{all+}",
        "$default",
    ]);
    assert_eq!(selected(&routes, "GET /me"), "GET /me");
    assert_eq!(selected(&routes, "HEAD /me"), "ANY /me");
    assert_eq!(selected(&routes, "POST /login"), "POST /{all+}");
    assert_eq!(selected(&routes, "PUT /login"), "$default");
}

#[test]
fn only_a_greedy_variable_matches_a_trailing_slash() {
    let routes = routes(&["GET /x/{all+}", "GET /y", "GET /z/{id}"]);
    assert_eq!(selected(&routes, "GET /x/"), "GET /x/{all+}");
    assert_eq!(selected(&routes, "GET /x"), "none");
    assert_eq!(selected(&routes, "GET /y"), "GET /y");
    assert_eq!(selected(&routes, "GET /y/"), "none");
    assert_eq!(selected(&routes, "GET /z/"), "none");
}

#[test]
fn values_of_variables_are_decoded() {
    let routes = routes(&["GET /users/{id}/{rest+}"]);
    let found = routes.find(&Method::GET, "/users/a%20b/c/d%2Fe").unwrap();
    let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        found.variables,
        [variable("id", "a b"), variable("rest", "c/d/e")]
    );
}
