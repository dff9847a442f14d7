//! `GET /api/users`: the users who match, a page at a time; for administrators.
//!
//! `ids`, `uuids` and `email` are looked up; everything else is read from the directory.

use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::Serialize;
use serde_json::json;
use shared::dialect::WhaleUser;
use shared::{
    Admission, At, Call, Cursors, Dialect, Directory, Error, Filter, Lookup, OrderBy, Result,
    Tokens, Users, Whale,
};
use utoipa::ToSchema;

/// Everything that a cursor is bound to.
const QUESTION: [&str; 7] = [
    "ids",
    "uuids",
    "email",
    "email_verified",
    "blocked",
    "featured",
    "order_by",
];
/// How many users one request looks up.
const MOST_NAMED: usize = 100;

#[derive(Serialize, ToSchema)]
struct Listed {
    users: Vec<WhaleUser>,
    /// How many match, on all pages.
    #[schema(examples(1))]
    total: u64,
    /// Where the next page begins; `null` on the last.
    #[schema(required = true, examples(json!(null)))]
    next_cursor: Option<String>,
}

struct Wanted {
    lookup: Lookup,
    filter: Filter,
    order: OrderBy,
    from: u64,
    size: usize,
}

#[utoipa::path(
    get,
    path = "/api/users/",
    params(
        ("ids" = Option<String>, Query, description = "Integer ids, with commas between; at most 100."),
        ("uuids" = Option<String>, Query, description = "UUIDs, with commas between; at most 100."),
        ("email" = Option<String>, Query, description = "The e-mail of one user."),
        ("email_verified" = Option<u64>, Query, minimum = 0, maximum = 1),
        ("blocked" = Option<u64>, Query, minimum = 0, maximum = 1),
        ("featured" = Option<u64>, Query, minimum = 0, maximum = 1),
        ("order_by" = Option<String>, Query, example = "-create_time,id", description = "Of `id`, \
            `create_time`, `update_time`, `last_login`, `email` and `name`, with commas between; `-` descends."),
        ("page" = Option<u64>, Query, minimum = 1),
        ("per_page" = Option<u64>, Query, minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before; not with `page`."),
    ),
    responses((status = 200, body = inline(Listed))),
    security(("bearer" = []), ("token" = [])),
    extensions(("x-errors" = json!(["bad_parameter", "forbidden"])))
)]
pub(crate) async fn list_users(
    (directory, users, tokens, cursors): &(Directory, Users, Tokens, Cursors),
    call: Call,
) -> Result<Listed> {
    let Wanted {
        lookup,
        filter,
        order,
        from,
        size,
    } = wanted(&call)?; // before anything is read
    if !tokens
        .authenticate(call.bearer_or_query(), users, Admission::ValidToken)
        .await?
        .user
        .administers()
    {
        return Err(Error::Forbidden);
    }
    let at = match call.query("cursor") {
        Some(cursor) => cursors.read(&question(&call), cursor).await?,
        None => At::Offset(from),
    };
    let page = match lookup.is_empty() {
        true => directory.page(filter, &order, at, size).await?,
        false => {
            directory
                .look_up(users, &lookup, filter, &order, at, size)
                .await?
        }
    };
    let next_cursor = match page.next {
        Some(at) => Some(cursors.write(&question(&call), at).await?),
        None => None,
    };
    Ok(Listed {
        users: page.entries.into_iter().map(WhaleUser::from).collect(),
        total: page.total,
        next_cursor,
    })
}

/// All but the cursor, which is read for those only who may list: a made-up one would have the key
/// searched that tokens need, too.
fn wanted(call: &Call) -> Result<Wanted> {
    let size = whole(call, "per_page", 20, 1..=100)?;
    let page = whole(call, "page", 1, 1..=u64::MAX)?;
    if call.query("cursor").is_some() && call.query("page").is_some() {
        return Err(Error::BadParameter("page"));
    }
    let filter = Filter {
        email_verified: flag(call, "email_verified")?,
        blocked: flag(call, "blocked")?,
        featured: flag(call, "featured")?,
    };
    let lookup = Lookup {
        ids: list(call, "ids")?,
        uuids: list(call, "uuids")?,
        email: value(call, "email")?,
    };
    let order = value(call, "order_by")?.unwrap_or_default();
    let from = (page - 1).saturating_mul(size);
    Ok(Wanted {
        lookup,
        filter,
        order,
        from,
        size: usize::try_from(size).unwrap_or(1),
    })
}

fn question(call: &Call) -> String {
    json!(QUESTION.map(|name| call.query(name))).to_string()
}

/// A number in ASCII digits; one beyond all others is as large as can be.
fn whole(call: &Call, name: &'static str, default: u64, range: RangeInclusive<u64>) -> Result<u64> {
    let Some(text) = call.query(name) else {
        return Ok(default);
    };
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().unwrap_or(u64::MAX);
    if digits && range.contains(&number) {
        Ok(number)
    } else {
        Err(Error::BadParameter(name))
    }
}

fn flag(call: &Call, name: &'static str) -> Result<Option<bool>> {
    match call.query(name) {
        None => Ok(None),
        Some("0") => Ok(Some(false)),
        Some("1") => Ok(Some(true)),
        Some(_) => Err(Error::BadParameter(name)),
    }
}

fn value<T: FromStr>(call: &Call, name: &'static str) -> Result<Option<T>> {
    call.query(name)
        .map(|text| text.parse().map_err(|_| Error::BadParameter(name)))
        .transpose()
}

fn list<T: FromStr>(call: &Call, name: &'static str) -> Result<Option<Vec<T>>> {
    let Some(text) = call.query(name) else {
        return Ok(None);
    };
    let values: Result<Vec<T>, _> = text
        .split(',')
        .take(MOST_NAMED + 1)
        .map(str::parse)
        .collect();
    let values = values.ok().filter(|values| values.len() <= MOST_NAMED);
    values.map(Some).ok_or(Error::BadParameter(name))
}

/// Runs the function.
pub fn main() {
    Whale::serve(list_users);
}
