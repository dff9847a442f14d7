//! Start-up messages.

use std::path::Path;

use local::{Cloud, OPERATOR, SECRET_ACCESS_KEY};

/// Prints the URLs, the routes and the data directory.
pub fn gateway(cloud: &Cloud, data: Option<&Path>) {
    println!("listening on {}", cloud.url());
    let mut routes = cloud.routes();
    routes.sort_by(|one, other| (&one.path, &one.method).cmp(&(&other.path, &other.method)));
    let width = routes
        .iter()
        .map(|route| route.path.len())
        .max()
        .unwrap_or_default();
    println!();
    for route in routes {
        println!(
            "  {:<7} {:<width$}  {}",
            route.method, route.path, route.function
        );
    }
    println!();
    println!("  mails   {}/_local/", cloud.url());
    println!(
        "  AWS     {} (access key id: {OPERATOR}, secret: {SECRET_ACCESS_KEY})",
        cloud.aws_url()
    );
    match data {
        Some(data) => println!("  data    {}", data.display()),
        None => println!("  data    in memory, lost when this ends"),
    }
}

/// Prints environment variables for functions that run elsewhere, as `export` lines.
pub fn services(cloud: &Cloud) {
    println!("listening on {}", cloud.aws_url());
    println!("mails at {}/_local/", cloud.url());
    println!();
    for (name, value) in cloud.operator_env() {
        println!("export {name}='{}'", value.replace('\'', r"'\''"));
    }
}
