//! States in a Distributed Map. What its child executions did is in journals of their own, thousands of
//! them; of the Map run there are counts. They tell of the states that a child certainly came through: the
//! first one, and once a child has succeeded all that lie on every way to the end. States on some ways only
//! stay white.

use super::outline::{Body, LinkKind, State, Target};
use super::progress::{Iterations, Progress, Status};

/// Tells of the states within each Distributed Map, as far as its Map run's counts do.
pub(super) fn tell(body: &Body, progress: &mut Progress) {
    let mut bodies = vec![body];
    while let Some(body) = bodies.pop() {
        for state in &body.states {
            match progress.map_run(&state.id) {
                Some(mut counts) => {
                    if progress.state(&state.id).status != Status::Running {
                        // It has ended, whenever its Map run says so.
                        counts.aborted += std::mem::take(&mut counts.running);
                    }
                    state.bodies.iter().for_each(|body| within(body, counts, progress));
                }
                None => bodies.extend(&state.bodies),
            }
        }
    }
}

fn within(body: &Body, counts: Iterations, progress: &mut Progress) {
    let status = match counts {
        Iterations { running: 1.., .. } => Status::Running,
        // Where children failed is known if there is but one place for it.
        Iterations { failed: 1.., .. } if body.states.len() == 1 => Status::Failed,
        Iterations { succeeded: 1.., .. } => Status::Succeeded,
        Iterations { failed: 1.., .. } => Status::Failed,
        Iterations { aborted: 1.., .. } => Status::Aborted,
        _ => return,
    };
    let succeeded = counts.succeeded > 0;
    let mut bodies = vec![body];
    while let Some(body) = bodies.pop() {
        let passed = if succeeded { on_every_way(body) } else { body.start.into_iter().collect() };
        for place in passed {
            let state = &body.states[place];
            progress.tell(&state.id, status);
            // A Map may have had no items, a Parallel's branches all begin.
            if state.kind == "Parallel" {
                bodies.extend(&state.bodies);
            }
            if let ([link], true) = (&*state.links, succeeded) {
                let to = match link.to {
                    Target::State(to) => Some(&*body.states[to].id),
                    Target::End => None,
                };
                progress.tell_taken(&state.id, to);
            }
        }
    }
}

/// The states that lie on every way from the start to a good end, in order.
///
/// All of them lie on any one way. Along a shortest one, a state can be gone round if and only if a state
/// before it leads, by states that are not on this way, to one behind it.
fn on_every_way(body: &Body) -> Vec<usize> {
    let Some(way) = shortest_way(body) else { return Vec::new() };
    let mut place_on_way = vec![None; body.states.len()];
    for (place, &state) in way.iter().enumerate() {
        place_on_way[state] = Some(place);
    }
    let mut seen = vec![false; body.states.len()];
    let mut farthest = 0;
    let mut found = Vec::new();
    for (place, &state) in way.iter().enumerate() {
        if farthest <= place {
            found.push(state);
        }
        let mut open = vec![state];
        while let Some(state) = open.pop() {
            for target in targets(&body.states[state]) {
                let reached = match target {
                    Target::End => Some(way.len()),
                    Target::State(next) => place_on_way[next],
                };
                match (reached, target) {
                    (Some(place), _) => farthest = farthest.max(place),
                    (None, Target::State(next)) if !std::mem::replace(&mut seen[next], true) => {
                        open.push(next);
                    }
                    _ => {}
                }
            }
        }
    }
    found
}

/// The states from the start to a good end.
fn shortest_way(body: &Body) -> Option<Vec<usize>> {
    let mut before: Vec<Option<usize>> = vec![None; body.states.len()];
    let mut seen = vec![false; body.states.len()];
    let mut reached = vec![body.start?];
    seen[reached[0]] = true;
    let mut next = 0;
    while let Some(&state) = reached.get(next) {
        next += 1;
        for target in targets(&body.states[state]) {
            match target {
                Target::End => {
                    let mut way: Vec<usize> =
                        std::iter::successors(Some(state), |&state| before[state]).collect();
                    way.reverse();
                    return Some(way);
                }
                Target::State(to) => {
                    if !std::mem::replace(&mut seen[to], true) {
                        before[to] = Some(state);
                        reached.push(to);
                    }
                }
            }
        }
    }
    None
}

/// Where an execution that ends well may go from a state.
fn targets(state: &State) -> impl Iterator<Item = Target> {
    let fails = state.kind == "Fail";
    let links = state.links.iter().filter(move |link| !(fails && link.kind == LinkKind::End));
    links.map(|link| link.to)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::outline;
    use super::*;

    fn passed(states: Value) -> Vec<String> {
        let body = outline::read(&json!({"StartAt": "A", "States": states}));
        let found = on_every_way(&body);
        found.into_iter().map(|place| body.states[place].name.clone()).collect()
    }

    /// The statuses of the states in a Distributed Map whose run has these counts.
    fn told(states: Value, counts: Iterations) -> Vec<Status> {
        let body = outline::read(&json!({"StartAt": "A", "States": states}));
        let mut progress = Progress::default();
        within(&body, counts, &mut progress);
        body.states.iter().map(|state| progress.state(&state.id).status).collect()
    }

    #[test]
    fn a_failure_is_told_where_it_must_have_been() {
        let one = json!({"A": {"Type": "Pass", "End": true}});
        let two = json!({"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "End": true}});
        let counts = |succeeded, failed, running| Iterations {
            total: succeeded + failed + running,
            succeeded,
            failed,
            running,
            aborted: 0,
        };
        use Status::{Failed, NotReached, Running, Succeeded};
        assert_eq!(told(one.clone(), counts(39, 1, 0)), [Failed]);
        assert_eq!(told(two.clone(), counts(39, 1, 0)), [Succeeded, Succeeded]);
        assert_eq!(told(two.clone(), counts(0, 2, 0)), [Failed, NotReached]);
        assert_eq!(told(two.clone(), counts(0, 2, 3)), [Running, NotReached]);
        assert_eq!(told(two.clone(), counts(5, 2, 3)), [Running, Running]);
        assert_eq!(told(two, counts(0, 0, 0)), [NotReached, NotReached]);
        assert_eq!(told(one, counts(4, 0, 0)), [Succeeded]);
    }

    #[test]
    fn only_what_cannot_be_gone_round_is_certain() {
        let pass = |next: &str| json!({"Type": "Pass", "Next": next});
        let end = json!({"Type": "Pass", "End": true});
        assert_eq!(passed(json!({"A": pass("B"), "B": end})), ["A", "B"]);
        let choice = |one: &str, other: &str| {
            let rule = json!({"Variable": "$.a", "IsNull": true, "Next": one});
            json!({"Type": "Choice", "Choices": [rule], "Default": other})
        };
        // Two ways that meet again.
        let states = json!({"A": choice("B", "C"), "B": pass("D"), "C": pass("D"), "D": end});
        assert_eq!(passed(states), ["A", "D"]);
        // A way back is no way round, and a failure no good end.
        let states = json!({"A": pass("B"), "B": choice("A", "C"), "C": choice("F", "D"), "D": end,
            "F": {"Type": "Fail"}});
        assert_eq!(passed(states), ["A", "B", "C", "D"]);
        // A handler leads round what it catches for, and what comes between.
        let task = json!({"Type": "Task", "Next": "B", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "C"}]});
        assert_eq!(passed(json!({"A": task, "B": pass("C"), "C": end})), ["A", "C"]);
        // Two ends.
        assert_eq!(passed(json!({"A": choice("B", "C"), "B": end, "C": end})), ["A"]);
        assert!(passed(json!({"A": {"Type": "Fail"}})).is_empty());
    }
}
