//! From what a definition leaves open to what executions named.

use std::collections::BTreeSet;

use super::Need;

/// What is wanted, each resource as narrow as what was seen allows. `seen`: an execution's needs each. What was
/// seen and not foreseen is wanted, too.
pub(super) fn narrowed(wanted: Vec<Need>, seen: &[Vec<Need>]) -> Vec<Need> {
    let mut narrowed = Vec::with_capacity(wanted.len());
    for need in &wanted {
        let fits =
            |found: &&Need| found.action == need.action && covers(&need.resource, &found.resource);
        let named: BTreeSet<&str> =
            seen.iter().flatten().filter(fits).map(|found| found.resource.as_str()).collect();
        let executions =
            seen.iter().filter(|of_one| of_one.iter().any(|found| fits(&found))).count();
        let resources: Vec<String> = match need.action.as_str() {
            _ if named.is_empty() || !need.resource.contains('*') => vec![need.resource.clone()],
            // Which roles are handed on is decided once, what jobs are called each time.
            "iam:PassRole" => named.into_iter().map(str::to_owned).collect(),
            _ if executions < 2 => vec![need.resource.clone()],
            _ => vec![in_common(&need.resource, &named)],
        };
        narrowed.extend(resources.into_iter().map(|resource| Need { resource, ..need.clone() }));
    }
    for found in seen.iter().flatten() {
        let foreseen =
            |need: &Need| need.action == found.action && covers(&need.resource, &found.resource);
        if !narrowed.iter().any(foreseen) {
            narrowed.push(found.clone());
        }
    }
    narrowed
}

/// The one resource, or a pattern of what all begin with, up to a sign that parts names.
fn in_common(pattern: &str, named: &BTreeSet<&str>) -> String {
    let (Some(first), Some(last)) = (named.first(), named.last()) else {
        return pattern.to_owned();
    };
    if first == last {
        return (*first).to_owned();
    }
    // In order, the first and the last have least in common.
    let common = first.char_indices().zip(last.chars()).find(|((_, one), other)| one != other);
    let common = common.map_or(first.len(), |((at, _), _)| at);
    let parted = first[..common].rfind(['-', '_', '/', '.', ':']).map_or(0, |at| at + 1);
    let fixed = pattern.find('*').unwrap_or(pattern.len());
    if parted > fixed { format!("{}*", &first[..parted]) } else { pattern.to_owned() }
}

/// Whether a pattern with `*` matches a text, which may be a pattern itself.
fn covers(pattern: &str, text: &str) -> bool {
    let Some((front, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(front) else { return false };
    let mut rest = rest;
    while let Some((middle, after)) = rest.split_once('*') {
        let Some(at) = text.find(middle) else { return false };
        text = &text[at + middle.len()..];
        rest = after;
    }
    text.ends_with(rest)
}

/// Without those that others cover.
pub(super) fn widest(resources: &BTreeSet<String>) -> BTreeSet<String> {
    let covered = |one: &String| resources.iter().any(|other| other != one && covers(other, one));
    resources.iter().filter(|one| !covered(one)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover() {
        for (pattern, text, expected) in [
            ("*", "anything", true),
            ("a*c", "abc", true),
            ("a*c", "ab", false),
            ("a*b*c", "a-b-b-c", true),
            ("a", "ab", false),
            ("job/*", "job/x*", true),
        ] {
            assert_eq!(covers(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn names_have_something_in_common() {
        let common = |named: &[&str]| in_common("job/*", &named.iter().copied().collect());
        assert_eq!(common(&["job/a"]), "job/a");
        assert_eq!(common(&["job/big-mart-1", "job/big-mart-2"]), "job/big-mart-*");
        assert_eq!(common(&["job/one", "job/other"]), "job/*");
    }
}
