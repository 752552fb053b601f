//! Parts of checks that this build or this host cannot follow.

#[cfg(test)]
mod tests;

use regex::bytes::Regex;

use crate::process::{self, NotStarted};
use vrrp_model::{Check, CheckKind, Config, HttpRequest};

/// Removes what cannot be checked from the configuration, as keepalived does: the rest of a check
/// stays. Returns a message about each, so that no backend is unchecked in silence. A script for
/// which this host lacks resources stays.
pub fn remove_unusable(config: &mut Config) -> Vec<String> {
    let mut messages = Vec::new();
    for service in &mut config.services {
        let whose = format!("the backends of service {}", service.name);
        remove_from(&mut service.check, &whose, &mut messages);
        for (index, check) in &mut service.own_checks {
            let address = service.backends.get(*index).map(|backend| backend.address.to_string());
            let address = address.unwrap_or_default();
            let whose = format!("backend {address} of service {}", service.name);
            remove_from(check, &whose, &mut messages);
        }
        // What is left of it may be what the service has.
        service.own_checks.retain(|_, check| *check != service.check);
        service.real_path &= service.check.kind != CheckKind::None;
    }
    for upstream in &mut config.upstreams {
        let whose = format!("the backends of upstream {}", upstream.name);
        remove_from(&mut upstream.check, &whose, &mut messages);
    }
    messages
}

fn remove_from(check: &mut Check, whose: &str, messages: &mut Vec<String>) {
    remove_expressions(check, whose, messages);
    check.also.iter_mut().for_each(|further| remove_expressions(further, whose, messages));
    check.also.retain(|further| is_usable(further, whose, messages));
    if !is_usable(check, whose, messages) {
        let mut further = std::mem::take(&mut check.also).into_iter();
        match further.next() {
            Some(first) => *check = Check { also: further.collect(), ..first },
            None => check.kind = CheckKind::None,
        }
    }
}

/// A script that cannot run is none.
fn is_usable(check: &Check, whose: &str, messages: &mut Vec<String>) -> bool {
    let Some(command) = check.kind.command() else { return true };
    let program = command.words.first().map_or("", String::as_str);
    match process::inspect(command) {
        Ok(None) | Err(NotStarted::Lack(_)) => true,
        Ok(Some(insecure)) => {
            messages.push(format!(
                "the check script {program} runs as root though other users can change it: \
                 {insecure}; script security refuses such programs"
            ));
            true
        }
        Err(NotStarted::Broken(why)) => {
            messages.push(format!(
                "{whose}: the script {program} does not check, because it cannot run: {why}"
            ));
            false
        }
    }
}

fn remove_expressions(check: &mut Check, whose: &str, messages: &mut Vec<String>) {
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
        "{whose}: {} is checked without its regex, which is not supported: {why}",
        request.path
    ));
    request.body = None;
}
