//! Names of the drop reasons. Pure.

use vrrp_common::counter::DropReason;

use vrrp_model::suggest;

/// A reason by its name.
///
/// # Errors
/// No reason has this name; the message lists the names.
pub fn parse(text: &str) -> Result<DropReason, String> {
    DropReason::all().find(|reason| reason.label() == text).ok_or_else(|| {
        let known: Vec<&str> = DropReason::all().map(DropReason::label).collect();
        suggest::unknown("drop reason", text, &known)
    })
}

/// The bits of these reasons; all bits if the list is empty.
pub fn mask(reasons: &[DropReason]) -> [u64; 2] {
    let mut mask = [0; 2];
    let mut add =
        |reason: DropReason| mask[reason.code() as usize / 64] |= 1 << (reason.code() % 64);
    if reasons.is_empty() {
        DropReason::all().for_each(&mut add);
    } else {
        reasons.iter().copied().for_each(&mut add);
    }
    mask
}

#[cfg(test)]
mod tests;
