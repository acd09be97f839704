//! The layers of the groups of routes.

use std::{net::IpAddr, sync::Arc, time::Instant};

use axum::{
    extract::{ConnectInfo, MatchedPath, RawPathParams, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tracing::Instrument as _;

use super::{
    Deed, Guard, Peer,
    audit::Entry,
    caller::{Caller, Who},
    sent::{self, Way},
};
use crate::{
    config::Scope,
    http::{ApiError, AppState},
};

/// The layer of routes that read cubes.
pub(in crate::http) async fn reading(
    State(state): State<Arc<AppState>>,
    route: MatchedPath,
    params: RawPathParams,
    mut request: Request,
    next: Next,
) -> Response {
    let guard = &state.guard;
    let in_address = sent::taken_out_of(request.uri_mut());
    let sent = in_address
        .clone()
        .or_else(|| sent::in_headers(request.headers()));
    let address = address_of(guard, &request);
    let who = if guard.protects_reading {
        guard.identify(sent.as_ref(), address, route.as_str(), Instant::now())
    } else {
        // A token may be meant for the proxy before us, and nothing is guessed here.
        Ok(guard.known(sent.as_ref()))
    };
    let caller = who.map(|who| Caller {
        who,
        address,
        in_address: in_address.map(|sent| sent.token),
    });
    let caller = caller.and_then(|caller| {
        if guard.protects_reading {
            may(&caller, Scope::Read, &params)?;
        }
        Ok(caller)
    });
    let is_of_a_page = is_of_a_page(request.headers());
    let mut response = match caller {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => error.into_response(),
    };
    if guard.protects_reading {
        let asks = response.status() == StatusCode::UNAUTHORIZED && !is_of_a_page;
        keep_private(response.headers_mut());
        if asks {
            let basic = HeaderValue::from_static("Basic realm=\"cubetiler\", charset=\"UTF-8\"");
            response
                .headers_mut()
                .append(header::WWW_AUTHENTICATE, basic);
        }
    }
    response
}

/// The layer of routes of the admin API that need a scope. A browser sends a
/// password by itself, to whatever page makes it do so, and an address is written
/// into logs: here only `Authorization: Bearer` counts.
pub(in crate::http) async fn admin(
    State((state, needed)): State<(Arc<AppState>, Scope)>,
    route: MatchedPath,
    params: RawPathParams,
    mut request: Request,
    next: Next,
) -> Response {
    let guard = &state.guard;
    let sent = sent::in_headers(request.headers()).filter(|sent| sent.way == Way::Bearer);
    let address = address_of(guard, &request);
    let who = match guard.identify(sent.as_ref(), address, route.as_str(), Instant::now()) {
        Ok(Who::Nobody) if !guard.is_on() => {
            return ApiError::new(
                StatusCode::FORBIDDEN,
                "the admin API is off: start the server with CUBETILER_ADMIN_TOKEN set, or with \
                 [tokens] in its configuration",
            )
            .into_response();
        }
        Ok(who) => who,
        Err(error) => return error.into_response(),
    };
    let caller = Caller {
        who,
        address,
        in_address: None,
    };
    let method = request.method().clone();
    if guard.is_open && is_of_another_page(request.headers()) {
        let text = "this server lets everybody do everything, but no page of another site";
        return ApiError::new(StatusCode::FORBIDDEN, text).into_response();
    }
    let is_noted =
        !matches!(caller.who, Who::Nobody) && method != Method::GET && method != Method::HEAD;
    let answer = async move {
        let response = match may(&caller, needed, &params) {
            Ok(()) => {
                request.extensions_mut().insert(caller.clone());
                next.run(request).await
            }
            Err(error) => error.into_response(),
        };
        if is_noted {
            let what = (&method, route.as_str());
            note(&state.guard, &caller, what, &params, &response);
        }
        response
    };
    if is_noted {
        to_its_end(answer).await
    } else {
        answer.await
    }
}

/// What changes something is done and noted also if the client goes away meanwhile,
/// or the answer takes too long.
async fn to_its_end(answer: impl Future<Output = Response> + Send + 'static) -> Response {
    match tokio::spawn(answer.in_current_span()).await {
        Ok(response) => response,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_stopped) => {
                let text = "the server is shutting down";
                ApiError::new(StatusCode::SERVICE_UNAVAILABLE, text).into_response()
            }
        },
    }
}

/// Refuses who may not do what a scope allows, to the cube in the address if there is
/// one.
fn may(caller: &Caller, scope: Scope, params: &RawPathParams) -> Result<(), ApiError> {
    match value_of(params, "cube") {
        Some(cube) => caller.may_in(scope, cube),
        None => caller.may(scope),
    }
}

/// Notes what a request that changes something came to.
fn note(
    guard: &Guard,
    caller: &Caller,
    (method, route): (&Method, &str),
    params: &RawPathParams,
    response: &Response,
) {
    let action = match (method, route.rsplit('/').next().unwrap_or_default()) {
        (&Method::DELETE, _) => "cancel",
        (_, "cubes") => "create",
        (_, end) => end,
    };
    let (cube, job) = match response.extensions().get() {
        Some(Deed::DryRun) => return,
        Some(Deed::Job { cube, id }) => (Some(cube.as_str()), Some(id.as_str())),
        Some(Deed::Create(cube)) => (Some(cube.as_str()), None),
        None => (value_of(params, "cube"), value_of(params, "id")),
    };
    // Names are the client's to choose, and may be as long as an address.
    let (cube, job) = (cube.map(cut), job.map(cut));
    guard.audit.note(&Entry {
        token: caller.token(),
        address: caller.address,
        action,
        cube,
        job,
        status: response.status().as_u16(),
    });
}

/// The beginning of a name.
fn cut(name: &str) -> &str {
    const LONGEST: usize = 64;
    &name[..name.floor_char_boundary(LONGEST)]
}

fn address_of(guard: &Guard, request: &Request) -> IpAddr {
    let peer = request.extensions().get::<ConnectInfo<Peer>>();
    sent::address(peer, request.headers(), guard.trusts_forwarded)
}

fn value_of<'a>(params: &'a RawPathParams, name: &str) -> Option<&'a str> {
    let mut params = params.iter();
    params.find_map(|(key, value)| (key == name).then_some(value))
}

/// Whether a page in a browser asks, which must not make the browser ask for a
/// password: the page asks for the token itself. Somebody who types an address and a
/// program such as QGIS are helped by it.
fn is_of_a_page(headers: &HeaderMap) -> bool {
    match headers.get("sec-fetch-mode") {
        Some(mode) => mode != "navigate",
        // Browsers do not tell a server without TLS.
        None => headers.contains_key(header::REFERER),
    }
}

/// Whether a page of another site sends the request, whose reader may know nothing of
/// it. Browsers say whose page it is; a name that was made to stand for loopback gives
/// itself away by the name.
fn is_of_another_page(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|b| b.is_ascii_digit()) {
            name
        } else {
            host
        }
    });
    let is_loopback = |name: &str| {
        let address = name.trim_start_matches('[').trim_end_matches(']').parse();
        name == "localhost" || address.is_ok_and(|address: IpAddr| address.is_loopback())
    };
    let origin = text(header::ORIGIN).map(|origin| origin.split_once("://").map(|parts| parts.1));
    match origin {
        // Programs do not say.
        None => false,
        Some(origin) => origin != Some(host) || !is_loopback(name),
    }
}

/// What one may see is not for caches that answer others.
fn keep_private(headers: &mut HeaderMap) {
    let told = headers.get(header::CACHE_CONTROL);
    let told = told.and_then(|value| value.to_str().ok());
    let private = match told {
        Some(text) if text.contains("no-store") => None,
        Some(text) if text.contains("public") => {
            HeaderValue::from_str(&text.replace("public", "private")).ok()
        }
        Some(text) => HeaderValue::from_str(&format!("private, {text}")).ok(),
        None => Some(HeaderValue::from_static("private")),
    };
    if let Some(private) = private {
        headers.insert(header::CACHE_CONTROL, private);
    }
    headers.append(header::VARY, HeaderValue::from_static("authorization"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_private_is_kept_by_nobody_else() {
        for (told, kept) in [
            (
                Some("public, max-age=9, immutable"),
                "private, max-age=9, immutable",
            ),
            (Some("no-store"), "no-store"),
            (Some("no-cache"), "private, no-cache"),
            (None, "private"),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(told) = told {
                headers.insert(header::CACHE_CONTROL, told.parse().unwrap());
            }
            keep_private(&mut headers);
            assert_eq!(headers[header::CACHE_CONTROL], kept);
            assert_eq!(headers[header::VARY], "authorization");
        }
    }

    #[tokio::test]
    async fn what_changes_something_goes_on_when_nobody_waits_for_it_any_more() {
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let (done, seen) = tokio::sync::oneshot::channel();
        let mut answer = Box::pin(to_its_end(async move {
            gone.await.unwrap();
            done.send(()).unwrap();
            Response::default()
        }));
        assert!(futures::poll!(&mut answer).is_pending());
        drop(answer);
        go.send(()).unwrap();
        seen.await.unwrap();
    }

    #[test]
    fn a_page_of_another_site_is_told_by_its_origin() {
        for (host, origin, is_another) in [
            ("127.0.0.1:8080", None, false),
            ("127.0.0.1:8080", Some("http://127.0.0.1:8080"), false),
            ("localhost:8080", Some("http://localhost:8080"), false),
            ("[::1]:8080", Some("http://[::1]:8080"), false),
            ("127.0.0.1:8080", Some("https://example.org"), true),
            ("127.0.0.1:8080", Some("null"), true),
            (
                "rebound.example.org",
                Some("http://rebound.example.org"),
                true,
            ),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            assert_eq!(
                is_of_another_page(&headers),
                is_another,
                "{host} {origin:?}"
            );
        }
    }

    #[test]
    fn a_browser_asks_for_a_password_where_an_address_was_typed_and_not_where_a_page_asks() {
        for (name, value, is) in [
            ("sec-fetch-mode", "navigate", false),
            ("sec-fetch-mode", "no-cors", true),
            ("referer", "http://maps.example.org/", true),
            ("user-agent", "QGIS", false),
        ] {
            let headers = [(name.parse().unwrap(), value.parse().unwrap())];
            assert_eq!(is_of_a_page(&HeaderMap::from_iter(headers)), is, "{value}");
        }
    }
}
