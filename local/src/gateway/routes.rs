//! Which route takes a request, by API Gateway's rules: the most specific path whose method
//! matches. A route that names the method is better than `ANY` on the same path.

use http::Method;
use percent_encoding::percent_decode_str;

use crate::template::Route;

/// The routes, best first.
pub(super) struct Routes(Vec<(Vec<Part>, Route)>);

/// A route, and the values of its path's variables.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) route: &'a Route,
    pub(super) variables: Vec<(String, String)>,
}

/// One part of a path between slashes, the most specific kind first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Exact(String),
    Variable(String),
    Greedy(String),
    Default,
}

impl Routes {
    pub(super) fn new(routes: Vec<Route>) -> Routes {
        let mut parsed: Vec<_> = routes
            .into_iter()
            .map(|route| (parts(&route.path), route))
            .collect();
        parsed.sort_by_key(|(path, route)| {
            (
                path.iter().map(rank).collect::<Vec<_>>(),
                route.method == "ANY",
            )
        });
        Routes(parsed)
    }

    /// The route for a request to `path`, which is as the client wrote it.
    pub(super) fn find(&self, method: &Method, path: &str) -> Option<Found<'_>> {
        let path: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
        self.0
            .iter()
            .filter(|(_, route)| route.method == "ANY" || route.method == method.as_str())
            .find_map(|(pattern, route)| {
                Some(Found {
                    route,
                    variables: matched(pattern, &path)?,
                })
            })
    }
}

fn parts(path: &str) -> Vec<Part> {
    if path == "$default" {
        return vec![Part::Default];
    }
    let part = |part: &str| match part
        .strip_prefix('{')
        .and_then(|part| part.strip_suffix('}'))
    {
        Some(name) => match name.strip_suffix('+') {
            Some(name) => Part::Greedy(name.to_owned()),
            None => Part::Variable(name.to_owned()),
        },
        None => Part::Exact(part.to_owned()),
    };
    path.strip_prefix('/')
        .unwrap_or(path)
        .split('/')
        .map(part)
        .collect()
}

fn rank(part: &Part) -> u8 {
    match part {
        Part::Exact(_) => 0,
        Part::Variable(_) => 1,
        Part::Greedy(_) => 2,
        Part::Default => 3,
    }
}

/// The values of the variables, if the pattern matches the path. A slash at the end counts:
/// it begins an empty part, which only `{greedy+}` takes.
fn matched(pattern: &[Part], path: &[&str]) -> Option<Vec<(String, String)>> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let mut variables = Vec::new();
    let mut rest = path;
    for part in pattern {
        if matches!(part, Part::Default) {
            return Some(variables);
        }
        let (first, others) = rest.split_first()?;
        match part {
            Part::Exact(text) if *text == decoded(first) => {}
            Part::Variable(name) if !first.is_empty() => {
                variables.push((name.clone(), decoded(first)))
            }
            Part::Greedy(name) => {
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
