//! Route selection by API Gateway's rules.
//!
//! The most specific path with a matching method wins. On the same path, a route with the method
//! itself precedes `ANY`.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html>

use http::Method;
use percent_encoding::percent_decode_str;

use crate::template::Route;

/// Routes in the order of their precedence.
pub(super) struct Routes(Vec<(Vec<Segment>, Route)>);

/// A matching route, and the values of its path variables.
#[derive(Debug)]
pub(super) struct RouteMatch<'a> {
    pub(super) route: &'a Route,
    pub(super) variables: Vec<(String, String)>,
}

/// One segment of a path pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Exact(String),
    Variable(String),
    Greedy(String),
    Default,
}

impl Routes {
    pub(super) fn new(routes: Vec<Route>) -> Routes {
        let mut parsed: Vec<_> = routes
            .into_iter()
            .map(|route| (parse_pattern(&route.path), route))
            .collect();
        parsed.sort_by_key(|(path, route)| {
            (
                path.iter().map(rank).collect::<Vec<_>>(),
                route.method == "ANY",
            )
        });
        Routes(parsed)
    }

    /// Finds the route for a request. `path` is percent-encoded.
    pub(super) fn find(&self, method: &Method, path: &str) -> Option<RouteMatch<'_>> {
        let path: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
        self.0
            .iter()
            .filter(|(_, route)| route.method == "ANY" || route.method == method.as_str())
            .find_map(|(pattern, route)| {
                Some(RouteMatch {
                    route,
                    variables: match_path(pattern, &path)?,
                })
            })
    }
}

fn parse_pattern(path: &str) -> Vec<Segment> {
    if path == "$default" {
        return vec![Segment::Default];
    }
    let segment = |segment: &str| match segment
        .strip_prefix('{')
        .and_then(|segment| segment.strip_suffix('}'))
    {
        Some(name) => match name.strip_suffix('+') {
            Some(name) => Segment::Greedy(name.to_owned()),
            None => Segment::Variable(name.to_owned()),
        },
        None => Segment::Exact(segment.to_owned()),
    };
    path.strip_prefix('/')
        .unwrap_or(path)
        .split('/')
        .map(segment)
        .collect()
}

/// Precedence of a segment; the most specific kind is first.
fn rank(segment: &Segment) -> u8 {
    match segment {
        Segment::Exact(_) => 0,
        Segment::Variable(_) => 1,
        Segment::Greedy(_) => 2,
        Segment::Default => 3,
    }
}

/// The values of the variables if the pattern matches the path.
///
/// After a trailing slash there is an empty segment, which only `{greedy+}` matches.
fn match_path(pattern: &[Segment], path: &[&str]) -> Option<Vec<(String, String)>> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let mut variables = Vec::new();
    let mut rest = path;
    for segment in pattern {
        if matches!(segment, Segment::Default) {
            return Some(variables);
        }
        let (first, others) = rest.split_first()?;
        match segment {
            Segment::Exact(text) if *text == decoded(first) => {}
            Segment::Variable(name) if !first.is_empty() => {
                variables.push((name.clone(), decoded(first)))
            }
            Segment::Greedy(name) => {
                variables.push((name.clone(), decoded(&rest.join("/"))));
                return Some(variables);
            }
            _ => return None,
        }
        rest = others;
    }
    rest.is_empty().then_some(variables)
}

#[cfg(test)]
mod tests;
