//! The attribute that declares an endpoint.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Expr, ExprLit, Ident, ItemFn, Lit, LitStr, Meta, Token, bracketed, parenthesized,
    parse_macro_input,
};

/// Declares the endpoint of a file: the function that it stands on.
///
/// ```text
/// /// Exchange a user name or e-mail, and a password, for a token.
/// #[endpoint(
///     POST "/api/auth/login",
///     family = Center,
///     errors = [WrongPassword, RateLimited],
///     grants = [MayUseTokenKey, MayReadUsers],
///     memory = Hashing,
///     openapi(request_body = inline(Credentials), responses((status = 200, body = Token))),
/// )]
/// pub async fn login(...) -> Result<Token> { ... }
/// ```
///
/// - The method and the path stand as the document has them. A path that ends in a slash works with
///   and without it.
/// - `family` renders the response: a type of `shared` that implements `ApiFamily`.
/// - `errors` are the `ErrorCode`s of this endpoint alone. Each family adds its own.
/// - `grants` are the policies of the function in `template.yaml`.
/// - `memory` (default `Standard`), `message` (of a success, default `Success`) and `top_level_field`
///   are optional. So is `errors`.
/// - `openapi` is what `utoipa::path` takes, except the method and the path.
///
/// The doc comment becomes the summary, its later paragraphs the description.
///
/// The attribute adds `ENDPOINT`, the declaration as a value, and `main`, which serves the function.
#[proc_macro_attribute]
pub fn endpoint(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let declaration = parse_macro_input!(arguments as Declaration);
    let function = parse_macro_input!(item as ItemFn);
    expand(&declaration, &function).into()
}

/// The arguments of the attribute.
struct Declaration {
    method: Ident,
    path: LitStr,
    family: Ident,
    errors: Vec<Ident>,
    grants: Vec<Ident>,
    memory: Ident,
    message: LitStr,
    top_level_field: Option<LitStr>,
    openapi: Tokens,
}

impl Parse for Declaration {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let method: Ident = input.parse()?;
        let path: LitStr = input.parse()?;
        let (mut family, mut top_level_field) = (None, None);
        let (mut errors, mut grants) = (Vec::new(), Vec::new());
        let mut memory = Ident::new("Standard", method.span());
        let mut message = LitStr::new("Success", method.span());
        let mut openapi = Tokens::new();
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if input.is_empty() {
                break;
            }
            let key: Ident = input.parse()?;
            if key == "openapi" {
                let content;
                parenthesized!(content in input);
                openapi = content.parse()?;
                continue;
            }
            input.parse::<Token![=]>()?;
            match key.to_string().as_str() {
                "family" => family = Some(input.parse()?),
                "errors" => errors = names(input)?,
                "grants" => grants = names(input)?,
                "memory" => memory = input.parse()?,
                "message" => message = input.parse()?,
                "top_level_field" => top_level_field = Some(input.parse()?),
                _ => return Err(syn::Error::new(key.span(), "not a key of an endpoint")),
            }
        }
        let family = family.ok_or_else(|| syn::Error::new(method.span(), "family is missing"))?;
        Ok(Self {
            method,
            path,
            family,
            errors,
            grants,
            memory,
            message,
            top_level_field,
            openapi,
        })
    }
}

/// A list of names in brackets.
fn names(input: ParseStream<'_>) -> syn::Result<Vec<Ident>> {
    let content;
    bracketed!(content in input);
    let names = Punctuated::<Ident, Token![,]>::parse_terminated(&content)?;
    Ok(names.into_iter().collect())
}

fn expand(declaration: &Declaration, function: &ItemFn) -> Tokens {
    let Declaration {
        method,
        path,
        family,
        errors,
        grants,
        memory,
        message,
        top_level_field,
        openapi,
    } = declaration;
    let name = &function.sig.ident;
    let documentation = documentation(&function.attrs);
    let verb = Ident::new(&method.to_string().to_lowercase(), method.span());
    let top_level_field = match top_level_field {
        Some(field) => quote!(::core::option::Option::Some(#field)),
        None => quote!(::core::option::Option::None),
    };
    quote! {
        #[utoipa::path(#verb, path = #path, #openapi)]
        #function

        /// The declaration of the endpoint.
        pub const ENDPOINT: ::shared::Endpoint = ::shared::Endpoint {
            module: ::core::module_path!(),
            method: ::shared::Method::#method,
            path: #path,
            family: ::core::stringify!(#family),
            documentation: #documentation,
            errors: &[#(::shared::ErrorCode::#errors),*],
            grants: &[#(::shared::Grant::#grants),*],
            memory: ::shared::Memory::#memory,
            message: #message,
            top_level_field: #top_level_field,
        };

        /// Serves the endpoint as a Lambda function.
        pub fn main() {
            ::shared::serve_http(::shared::#family, #name, crate::ENDPOINTS);
        }
    }
}

/// The doc comment, its lines joined.
fn documentation(attributes: &[Attribute]) -> String {
    let lines = attributes
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
                Expr::Lit(ExprLit {
                    lit: Lit::Str(text),
                    ..
                }) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        });
    lines.collect::<Vec<_>>().join("\n")
}
