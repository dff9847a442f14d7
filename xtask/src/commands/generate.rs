//! `cargo xtask generate`: the files derived from the endpoints' declarations.
//!
//! | derived | from |
//! |---|---|
//! | `functions/lib.rs`, `functions/bin/*.rs`, the binaries in `Cargo.toml` | the files in `functions/` |
//! | `import.yaml` | the retained resources of `template.yaml` |
//! | the marked parts of `template.yaml` | `#[endpoint(…)]`, and the attributes of users by grant |
//! | `functions/docs/openapi.json` | `#[endpoint(…)]` and the schemas |
//! | `events/<name>.json`, if there is none | `#[endpoint(…)]` |
//!
//! It works in two steps: the first needs the names of the files only. Then the endpoints compile, and
//! `functions/describe.rs` prints their declarations for the second.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};

use crate::json::at;
use crate::process;
use crate::workspace::Workspace;

/// The folders of `functions/` that hold endpoints, in the order of the documents.
const FAMILIES: [&str; 5] = ["profile", "whale", "campus", "center", "pages"];

/// The longest line of `template.yaml`.
const MAX_LINE: usize = 110;

/// Write what is derived from the endpoints' declarations
///
/// Run it after a change of an endpoint's attribute, or of the files in functions/.
#[derive(Args)]
pub struct Arguments {
    /// Write nothing, and fail if a file is out of date
    #[arg(long)]
    check: bool,
}

/// Writes what is derived.
pub async fn run(workspace: &Workspace, arguments: Arguments) -> Result<()> {
    generate(workspace, arguments.check).await
}

/// Fails if a file is out of date.
pub async fn check(workspace: &Workspace) -> Result<()> {
    generate(workspace, true).await
}

async fn generate(workspace: &Workspace, check: bool) -> Result<()> {
    let root = &workspace.path("");
    let mut files = Files {
        root: root.to_owned(),
        check,
        outdated: Vec::new(),
    };
    let functions = functions(root)?;
    files.write("functions/lib.rs", &library(&functions))?;
    for function in &functions {
        files.write(
            &format!("functions/bin/{}.rs", function.name()),
            &binary(function),
        )?;
    }
    files.remove_others("functions/bin", &functions)?;
    files.replace_parts("Cargo.toml", &[("binaries", manifest(&functions))])?;
    files.end_of_step()?;

    let description = describe(workspace).await?;
    let endpoints = at(&description, "/endpoints").as_array();
    let endpoints = endpoints.context("the description has no endpoints")?;
    let attributes = at(&description, "/attributes").as_object();
    let attributes = attributes.context("the description has no attributes")?;
    let conditions: Vec<(String, String)> = attributes
        .iter()
        .map(|(grant, names)| (format!("attributes of {grant}"), condition(names)))
        .collect();
    let mut parts = vec![
        ("endpoints", function_blocks(endpoints)?),
        ("methods", any_routes(endpoints)),
    ];
    let conditions = conditions.iter();
    parts.extend(conditions.map(|(name, condition)| (name.as_str(), condition.clone())));
    files.replace_parts("template.yaml", &parts)?;
    let template = fs::read_to_string(root.join("template.yaml"))?;
    files.write("import.yaml", &import_template(&template))?;
    let openapi = serde_json::to_string_pretty(at(&description, "/openapi"))? + "\n";
    files.write("functions/docs/openapi.json", &openapi)?;
    for endpoint in endpoints {
        let path = format!("events/{}.json", text(endpoint, "name"));
        if !root.join(&path).exists() {
            let event = serde_json::to_string_pretty(&sample_event(endpoint))? + "\n";
            files.write(&path, &event)?;
        }
    }
    files.end_of_step()
}

/// The files that are written, or compared.
struct Files {
    root: PathBuf,
    check: bool,
    outdated: Vec<String>,
}

impl Files {
    fn write(&mut self, path: &str, content: &str) -> Result<()> {
        let absolute = self.root.join(path);
        if fs::read_to_string(&absolute).is_ok_and(|present| present == content) {
            return Ok(());
        }
        self.outdated.push(path.to_owned());
        if !self.check {
            if let Some(folder) = absolute.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(&absolute, content).with_context(|| path.to_owned())?;
            println!("wrote {path}");
        }
        Ok(())
    }

    /// Deletes the binaries of functions that are no more.
    fn remove_others(&mut self, folder: &str, functions: &[Function]) -> Result<()> {
        for entry in fs::read_dir(self.root.join(folder))? {
            let path = entry?.path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            if !functions.iter().any(|function| function.name() == name) {
                self.outdated.push(format!("{folder}/{name}.rs"));
                if !self.check {
                    fs::remove_file(&path)?;
                    println!("deleted {folder}/{name}.rs");
                }
            }
        }
        Ok(())
    }

    /// Replaces the parts of a file between `# BEGIN generated: NAME` and `# END generated`.
    fn replace_parts(&mut self, path: &str, parts: &[(&str, String)]) -> Result<()> {
        let mut content = fs::read_to_string(self.root.join(path))?;
        for (name, part) in parts {
            content = replace_part(&content, name, part)
                .with_context(|| format!("{path} has no part `# BEGIN generated: {name}`"))?;
        }
        self.write(path, &content)
    }

    fn end_of_step(&self) -> Result<()> {
        if self.check && !self.outdated.is_empty() {
            bail!(
                "out of date: {}; run `cargo xtask generate`",
                self.outdated.join(", ")
            );
        }
        Ok(())
    }
}

/// `content` with `part` between the markers of `name`, which are lines of their own.
fn replace_part(content: &str, name: &str, part: &str) -> Option<String> {
    let begin = content.find(&format!("# BEGIN generated: {name}\n"))?;
    let start = begin + content.get(begin..)?.find('\n')? + 1;
    let rest = content.get(start..)?;
    let end = start + rest.find("# END generated")?;
    let end = content.get(..end)?.rfind('\n')? + 1; // the indentation of the marker stays
    Some([content.get(..start)?, part, content.get(end..)?].concat())
}

/// A function, by its file.
struct Function {
    /// The folder in `functions/`. `None` for a file without one.
    folder: Option<String>,
    /// The name of the file without its ending.
    file: String,
}

impl Function {
    /// The name of the binary and of the Lambda function: `center-login`. Files in `jobs` and those
    /// without a folder have no prefix.
    fn name(&self) -> String {
        let name = match self.folder.as_deref() {
            None | Some("jobs") => self.file.clone(),
            Some(family) => format!("{family}-{}", self.file),
        };
        name.replace('_', "-")
    }

    fn module(&self) -> String {
        match &self.folder {
            Some(folder) => format!("{folder}::{}", self.file),
            None => self.file.clone(),
        }
    }

    fn is_endpoint(&self) -> bool {
        let folder = self.folder.as_deref().unwrap_or_default();
        FAMILIES.contains(&folder)
    }
}

/// All functions: those of the families first, in the order of the documents, then the others.
fn functions(root: &Path) -> Result<Vec<Function>> {
    let folder = root.join("functions");
    let mut functions = Vec::new();
    for name in FAMILIES.into_iter().chain(["jobs"]) {
        for file in sources(&folder.join(name))? {
            let folder = Some(name.to_owned());
            functions.push(Function { folder, file });
        }
    }
    for file in sources(&folder)? {
        if !["lib", "describe"].contains(&file.as_str()) {
            functions.push(Function { folder: None, file });
        }
    }
    Ok(functions)
}

/// The names of the Rust files in a folder, without their ending, sorted.
fn sources(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.file_stem().unwrap_or_default();
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// `functions/lib.rs`.
fn library(functions: &[Function]) -> String {
    let mut modules: BTreeMap<Option<&str>, Vec<&str>> = BTreeMap::new();
    for function in functions {
        let files = modules.entry(function.folder.as_deref()).or_default();
        files.push(&function.file);
    }
    let mut text = "//! All functions. Generated by `cargo xtask generate`: do not edit.\n\n\
        #![allow(missing_docs, reason = \"an endpoint documents its function\")]\n\
        #![allow(private_interfaces, reason = \"the types of an endpoint are its own\")]\n"
        .to_owned();
    for (folder, files) in modules {
        text.push('\n');
        match folder {
            None => files
                .iter()
                .for_each(|file| text += &format!("pub mod {file};\n")),
            Some(folder) => {
                text += &format!("pub mod {folder} {{\n");
                files
                    .iter()
                    .for_each(|file| text += &format!("    pub mod {file};\n"));
                text += "}\n";
            }
        }
    }
    let endpoints = || functions.iter().filter(|function| function.is_endpoint());
    text +=
        "\n/// The declaration of every endpoint.\npub const ENDPOINTS: &[shared::Endpoint] = &[\n";
    endpoints().for_each(|function| text += &format!("    {}::ENDPOINT,\n", function.module()));
    text += "];\n\n/// The operations of the endpoints.\n\
        #[derive(utoipa::OpenApi)]\n#[openapi(paths(\n";
    endpoints().for_each(|function| {
        text += &format!("    {}::{},\n", function.module(), function.file);
    });
    text + "))]\npub struct Operations;\n"
}

/// The binary of a function.
fn binary(function: &Function) -> String {
    format!(
        "//! Generated by `cargo xtask generate`: do not edit. The function is `{0}`.\n\n\
         fn main() {{\n    accounts::{0}::main();\n}}\n",
        function.module()
    )
}

/// The list of binaries in `Cargo.toml`.
fn manifest(functions: &[Function]) -> String {
    let mut text = "bin = [\n".to_owned();
    for function in functions {
        let name = function.name();
        text += &format!(
            "    {{ name = \"{name}\", path = \"functions/bin/{name}.rs\", test = false, doc = false }},\n"
        );
    }
    text + "]\n"
}

/// The output of `functions/describe.rs`.
async fn describe(workspace: &Workspace) -> Result<Value> {
    // With `--workspace` the dependencies have the features that the tests have, and are built once.
    let build = ["build", "--quiet", "--workspace", "--example", "describe"];
    process::run(workspace.cargo(&build)).await?;
    let program = workspace.debug_folder().await?.join("examples/describe");
    let description = process::output(workspace.command(program)).await?;
    serde_json::from_str(&description).context("the description is no JSON")
}

fn text<'a>(endpoint: &'a Value, name: &str) -> &'a str {
    endpoint
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn texts<'a>(endpoint: &'a Value, name: &str) -> impl Iterator<Item = &'a str> {
    let list = endpoint.get(name).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str)
}

/// The routes of an endpoint: of its path, and of the trailing slash.
fn paths(endpoint: &Value) -> Vec<String> {
    let path = text(endpoint, "path");
    let mut paths = vec![path.to_owned()];
    if endpoint.get("trailing_slash_route") == Some(&Value::Bool(true)) {
        paths.push(format!("{path}/{{slash+}}"));
    }
    paths
}

/// `import.yaml`: the retained resources, as they are in the template. CloudFormation imports resources
/// into a new stack only if its template has no others.
fn import_template(template: &str) -> String {
    let mut text = "# The resources that outlive their stack, for an import into a new one. `cargo xtask generate` writes\n\
         # it from template.yaml.\n\
         AWSTemplateFormatVersion: \"2010-09-09\"\n\
         Description: The data of user accounts.\n\
         Resources:\n"
        .to_owned();
    let resources = template
        .split_once("\nResources:\n")
        .map_or("", |(_, rest)| rest);
    let blocks = resources.split("\n\n");
    for block in blocks.filter(|block| block.contains("\n    DeletionPolicy: Retain")) {
        let lines = block.lines().filter(|line| !line.starts_with("  #"));
        lines.for_each(|line| text.extend([line, "\n"]));
    }
    text
}

/// The `ANY` routes of the fallback: one for each path whose family answers other methods with 405.
fn any_routes(endpoints: &[Value]) -> String {
    let mut routes = BTreeMap::new();
    for endpoint in endpoints {
        if endpoint.get("rejects_other_methods") == Some(&Value::Bool(true)) {
            let path = text(endpoint, "path");
            let words = path.split(['/', '_', '-', '{', '}']);
            let words = words.filter(|word| !word.is_empty());
            routes.insert(words.map(capital).collect::<String>(), path);
        }
    }
    let mut lines = String::new();
    for (name, path) in routes {
        let _ = writeln!(
            lines,
            "        {name}: {{ Type: HttpApi, Properties: {{ ApiId: !Ref Api, Method: ANY, Path: {} }} }}",
            quoted(path)
        );
    }
    lines
}

/// The condition of a policy that a request names no other attributes than these.
fn condition(names: &Value) -> String {
    let names = names.as_array().into_iter().flatten();
    let names: Vec<String> = names.filter_map(Value::as_str).map(str::to_owned).collect();
    let mut text =
        "              \"ForAllValues:StringEquals\":\n                \"dynamodb:Attributes\":\n"
            .to_owned();
    let mut line = "                  [".to_owned();
    for (place, name) in names.iter().enumerate() {
        let item = if place + 1 == names.len() {
            format!("{name}]")
        } else {
            format!("{name},")
        };
        if line.len() + item.len() + 1 > MAX_LINE {
            text += line.trim_end();
            text.push('\n');
            line = "                   ".to_owned();
        }
        line += &item;
        line.push(' ');
    }
    text + line.trim_end() + "\n"
}

/// The function of each endpoint, family by family.
fn function_blocks(endpoints: &[Value]) -> Result<String> {
    let mut text_of_all = String::new();
    let mut family = "";
    for endpoint in endpoints {
        let folder = text(endpoint, "folder");
        if folder != family {
            family = folder;
            let _ = writeln!(
                text_of_all,
                "  # --- {family} {}\n",
                "-".repeat(79 - family.len())
            );
        }
        text_of_all += &function_block(endpoint)?;
        text_of_all.push('\n');
    }
    Ok(text_of_all)
}

fn function_block(endpoint: &Value) -> Result<String> {
    let name = text(endpoint, "name");
    let logical: String = name.split('-').map(capital).collect();
    let memory = match text(endpoint, "memory") {
        "Standard" => "",
        "Hashing" => {
            "      MemorySize: 1024 # hashing takes all of the processor: the same cost, a quarter of the time\n      \
             ReservedConcurrentExecutions: !If [LimitsHashing, !Ref HashingConcurrency, !Ref AWS::NoValue]\n"
        }
        "Image" => {
            "      MemorySize: 1769 # one processor. An image takes 128 MiB; a hostile WebP takes 1 GiB\n"
        }
        "Constant" => {
            "      MemorySize: 128 # a constant response, without a call to AWS\n      Timeout: 3\n"
        }
        other => bail!("{name}: the memory class {other} is unknown"),
    };
    let mut block = format!(
        "  {logical}:\n    Type: AWS::Serverless::Function\n    \
         Metadata: {{ BuildMethod: rust-cargolambda, BuildProperties: {{ Binary: {name} }} }}\n    \
         Properties:\n{memory}"
    );
    let mut variables = Vec::new();
    for variable in texts(endpoint, "variables") {
        let value = match variable {
            "CODE_KEY" => "!Ref CodeKey",
            "COMMON_PASSWORDS" => "!Ref CommonPasswords",
            "DATA_KEY" => "!Ref DataKey",
            "AVATARS_BUCKET" => "!Ref AvatarsBucket",
            "AVATARS_URL" => {
                "!If [HasAvatarsUrl, !Ref AvatarsUrl, !Sub \"https://${AvatarsDistribution.DomainName}\"]"
            }
            "NEW_USER_ACCESS" => "!Ref NewUserAccess",
            other => bail!("{name}: the variable {other} is unknown"),
        };
        variables.push(format!("          {variable}: {value}\n"));
    }
    if !variables.is_empty() {
        block += "      Environment:\n        Variables:\n";
        block += &variables.concat();
    }
    let grants: Vec<String> = texts(endpoint, "grants")
        .map(|grant| format!("!Ref {grant}"))
        .collect();
    if !grants.is_empty() {
        block += &list("      Policies:", &grants);
    }
    block += "      Events:\n";
    for (key, path) in ["Route", "TrailingSlash"].into_iter().zip(paths(endpoint)) {
        let _ = writeln!(
            block,
            "        {key}: {{ Type: HttpApi, Properties: {{ ApiId: !Ref Api, Method: {}, Path: {} }} }}",
            text(endpoint, "method"),
            quoted(&path),
        );
    }
    Ok(block)
}

/// The path in quotes if YAML needs them: a brace begins a mapping.
fn quoted(path: &str) -> String {
    if path.contains('{') {
        format!("\"{path}\"")
    } else {
        path.to_owned()
    }
}

/// A list in brackets after `key`: on the same line if it fits, else on lines below.
fn list(key: &str, items: &[String]) -> String {
    let line = format!("{key} [{}]\n", items.join(", "));
    if line.len() <= MAX_LINE {
        return line;
    }
    let mut text = format!("{key}\n        [");
    let mut length = 9;
    for (place, item) in items.iter().enumerate() {
        let last = place + 1 == items.len();
        if place > 0 {
            let break_line = length + item.len() + 3 > MAX_LINE;
            text += if break_line { ",\n         " } else { ", " };
            length = if break_line { 9 } else { length + 2 };
        }
        text += item;
        length += item.len();
        if last {
            text += "]\n";
        }
    }
    text
}

/// A sample of what API Gateway sends to an endpoint, without a body.
fn sample_event(endpoint: &Value) -> Value {
    let (method, path) = (text(endpoint, "method"), text(endpoint, "path"));
    let route = format!("{method} {path}");
    let mut headers = json!({
        "accept": "application/json",
        "host": "api.example.com",
        "user-agent": "curl/8.0",
        "x-forwarded-for": "203.0.113.7",
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    });
    if let (Some(headers), Some(true)) = (
        headers.as_object_mut(),
        endpoint.get("authenticated").and_then(Value::as_bool),
    ) {
        let token = "Bearer ${center-login.access_token}";
        headers.insert("authorization".to_owned(), token.into());
    }
    json!({
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "api",
            "domainName": "api.example.com",
            "domainPrefix": "api",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "curl/8.0",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": route,
            "stage": "$default",
            "time": "29/Dec/2024:10:00:00 +0000",
            "timeEpoch": 1_735_466_400_000_u64,
        },
        "isBase64Encoded": false,
    })
}

/// `word` with a capital first letter.
pub(super) fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::{list, replace_part};

    #[test]
    fn a_part_is_replaced_and_the_rest_stays() {
        let content = "a\n  # BEGIN generated: x\n  old\n  # END generated\nb\n";
        let expected = "a\n  # BEGIN generated: x\n  new\n  # END generated\nb\n";
        assert_eq!(
            replace_part(content, "x", "  new\n").as_deref(),
            Some(expected)
        );
        assert_eq!(replace_part(content, "y", ""), None);
    }

    #[test]
    fn a_long_list_breaks_between_its_items() {
        let items = vec!["x".repeat(60), "y".repeat(60)];
        let text = list("Key:", &items);
        assert_eq!(
            text,
            format!("Key:\n        [{},\n         {}]\n", items[0], items[1])
        );
        assert_eq!(list("Key:", &items[..1]), format!("Key: [{}]\n", items[0]));
    }
}
