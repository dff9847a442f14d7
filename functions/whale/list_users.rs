use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::Serialize;
use serde_json::json;
use shared::WhaleUser;
use shared::{
    Admission, CursorCodec, Error, Filter, Lookup, OrderBy, PagePosition, Request, Result, Tokens,
    UserIndex, Users, endpoint,
};
use utoipa::ToSchema;

/// The query parameters that a cursor is bound to.
const CURSOR_PARAMETERS: [&str; 7] = [
    "ids",
    "uuids",
    "email",
    "email_verified",
    "blocked",
    "featured",
    "order_by",
];
/// The maximum number of values in `ids` and `uuids`.
const MAX_VALUES: usize = 100;

#[derive(Serialize, ToSchema)]
struct Page {
    users: Vec<WhaleUser>,
    /// How many match, on all pages.
    #[schema(examples(1))]
    total: u64,
    /// Where the next page begins; `null` on the last.
    #[schema(required = true, examples(json!(null)))]
    next_cursor: Option<String>,
}

struct ListQuery {
    lookup: Lookup,
    filter: Filter,
    order: OrderBy,
    from: u64,
    size: usize,
}

/// The users who match, a page at a time; for administrators.
///
/// `ids`, `uuids` and `email` are looked up; everything else is read from the directory.
#[endpoint(
    GET "/api/users/",
    family = Whale,
    errors = [InvalidQuery, Forbidden],
    grants = [MayUseTokenKey, MayReadUsers, MayFindByEmail, MayListUsers],
    openapi(
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
        responses((status = 200, body = inline(Page))),
        security(("bearer" = []), ("token" = [])),
    ),
)]
pub(crate) async fn list_users(
    (index, users, tokens, cursors): &(UserIndex, Users, Tokens, CursorCodec),
    request: Request,
) -> Result<Page> {
    let ListQuery {
        lookup,
        filter,
        order,
        from,
        size,
    } = parse_query(&request)?; // before any read
    if !tokens
        .authenticate(request.bearer_or_query(), users, Admission::ValidToken)
        .await?
        .user
        .is_active_admin()
    {
        return Err(Error::Forbidden);
    }
    let at = match request.query("cursor") {
        Some(cursor) => PagePosition::After(cursors.decode(&cursor_query(&request), cursor).await?),
        None => PagePosition::Offset(from),
    };
    let page = match lookup.is_empty() {
        true => index.page(filter, &order, &at, size).await?,
        false => {
            index
                .look_up(users, &lookup, filter, &order, &at, size)
                .await?
        }
    };
    let next_cursor = match page.next {
        Some(last) => Some(cursors.encode(&cursor_query(&request), &last).await?),
        None => None,
    };
    Ok(Page {
        users: page.entries.into_iter().map(WhaleUser::from).collect(),
        total: page.total,
        next_cursor,
    })
}

/// Parses all parameters but the cursor.
///
/// The cursor is decrypted after authorization only. A made-up one can cause a refresh of the token
/// key, and the rate of refreshes is limited.
fn parse_query(request: &Request) -> Result<ListQuery> {
    let size = number(request, "per_page", 20, 1..=100)?;
    let page = number(request, "page", 1, 1..=u64::MAX)?;
    if request.query("cursor").is_some() && request.query("page").is_some() {
        return Err(Error::InvalidQuery("page"));
    }
    let filter = Filter {
        email_verified: flag(request, "email_verified")?,
        blocked: flag(request, "blocked")?,
        featured: flag(request, "featured")?,
    };
    let lookup = Lookup {
        ids: list(request, "ids")?,
        uuids: list(request, "uuids")?,
        email: value(request, "email")?,
    };
    let order = value(request, "order_by")?.unwrap_or_default();
    let from = (page - 1).saturating_mul(size);
    Ok(ListQuery {
        lookup,
        filter,
        order,
        from,
        size: usize::try_from(size).unwrap_or(1),
    })
}

fn cursor_query(request: &Request) -> String {
    json!(CURSOR_PARAMETERS.map(|name| request.query(name))).to_string()
}

/// A decimal number within `range`, else `default` if absent. Overflow saturates.
fn number(
    request: &Request,
    name: &'static str,
    default: u64,
    range: RangeInclusive<u64>,
) -> Result<u64> {
    let Some(text) = request.query(name) else {
        return Ok(default);
    };
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().unwrap_or(u64::MAX);
    if digits && range.contains(&number) {
        Ok(number)
    } else {
        Err(Error::InvalidQuery(name))
    }
}

fn flag(request: &Request, name: &'static str) -> Result<Option<bool>> {
    match request.query(name) {
        None => Ok(None),
        Some("0") => Ok(Some(false)),
        Some("1") => Ok(Some(true)),
        Some(_) => Err(Error::InvalidQuery(name)),
    }
}

fn value<T: FromStr>(request: &Request, name: &'static str) -> Result<Option<T>> {
    request
        .query(name)
        .map(|text| text.parse().map_err(|_| Error::InvalidQuery(name)))
        .transpose()
}

fn list<T: FromStr>(request: &Request, name: &'static str) -> Result<Option<Vec<T>>> {
    let Some(text) = request.query(name) else {
        return Ok(None);
    };
    let values: Result<Vec<T>, _> = text
        .split(',')
        .take(MAX_VALUES + 1)
        .map(str::parse)
        .collect();
    let values = values.ok().filter(|values| values.len() <= MAX_VALUES);
    values.map(Some).ok_or(Error::InvalidQuery(name))
}
