//! Parts of checks that this build or this host cannot follow.

use regex::bytes::Regex;

use vrrp_model::{Check, CheckKind, Config, HttpRequest};

/// Removes what cannot be checked from the configuration: the rest of a check stays. Returns a
/// message about each, so that no backend is unchecked in silence.
pub fn remove_unusable(config: &mut Config) -> Vec<String> {
    let mut messages = Vec::new();
    for service in &mut config.services {
        let checks = std::iter::once(&mut service.check).chain(service.own_checks.values_mut());
        for check in checks {
            remove_from(check, &format!("service {}", service.name), &mut messages);
        }
    }
    for upstream in &mut config.upstreams {
        remove_from(&mut upstream.check, &format!("upstream {}", upstream.name), &mut messages);
    }
    messages
}

fn remove_from(check: &mut Check, whose: &str, messages: &mut Vec<String>) {
    if let CheckKind::Http(http) = &mut check.kind {
        for request in &mut http.requests {
            remove_expression(request, whose, messages);
        }
    }
}

fn remove_expression(request: &mut HttpRequest, whose: &str, messages: &mut Vec<String>) {
    let Some(Err(error)) = request.body.as_ref().map(|body| Regex::new(&body.pattern)) else {
        return;
    };
    let why = error.to_string();
    // Its last line is the reason; those above draw the place in the expression.
    let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
    messages.push(format!(
        "the check of {whose} asks for {} without its regex, which is not supported: {why}",
        request.path
    ));
    request.body = None;
}
