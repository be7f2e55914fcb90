//! What happens often is summed up by the minute in memory, and written every minute and before somebody
//! reads it. What a crash takes is at most the last minute's.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard};

use super::Point;
use crate::{Context, Error};

/// While they cannot be written, so many minutes are kept.
const MINUTES_MAX: usize = 60;
const MINUTE_MS: i64 = 60_000;

/// Metrics that are not written yet, of things with a name; `Q` is what else tells two metrics of a thing.
pub(crate) struct ByMinute<Q> {
    minutes: Mutex<BTreeMap<i64, HashMap<String, OfThing<Q>>>>,
    writing: tokio::sync::Mutex<()>,
}

impl<Q> Default for ByMinute<Q> {
    fn default() -> ByMinute<Q> {
        ByMinute { minutes: Mutex::default(), writing: tokio::sync::Mutex::default() }
    }
}

/// One thing's, in one minute.
struct OfThing<Q> {
    account: String,
    region: String,
    points: Vec<(&'static str, Q, Point)>,
}

impl<Q: Clone + PartialEq> ByMinute<Q> {
    /// Takes values of metrics in, each under all qualifiers. `whose` is the thing's account and region,
    /// which its name must imply: it is asked for things that are new.
    pub fn add<'w>(
        &self,
        at: i64,
        thing: &str,
        whose: impl FnOnce() -> (&'w str, &'w str),
        qualifiers: &[Q],
        values: &[(&'static str, f64)],
    ) {
        let at = at.div_euclid(MINUTE_MS) * MINUTE_MS;
        let mut minutes = self.minutes();
        let things = minutes.entry(at).or_default();
        let of_thing = match things.get_mut(thing) {
            Some(known) => known,
            None => things.entry(thing.to_owned()).or_insert_with(|| {
                let (account, region) = whose();
                OfThing { account: account.into(), region: region.into(), points: Vec::new() }
            }),
        };
        for qualifier in qualifiers {
            for (name, value) in values {
                of_thing.add(name, qualifier, Point::of(at, *value));
            }
        }
        while minutes.len() > MINUTES_MAX {
            minutes.pop_first();
        }
    }

    /// Writes what is there, under the dimensions of each thing and qualifier.
    pub async fn write(
        &self,
        context: &Context,
        namespace: &str,
        dimensions: impl for<'a> Fn(&'a str, &'a Q) -> Vec<(&'a str, &'a str)>,
    ) -> Result<(), Error> {
        let _one_at_a_time = self.writing.lock().await;
        let minutes = std::mem::take(&mut *self.minutes());
        let mut written = Vec::new();
        for things in minutes.values() {
            for (thing, of_thing) in things {
                for (name, qualifier, point) in &of_thing.points {
                    let metric = super::metric(namespace, name, &dimensions(thing, qualifier));
                    written.push((&*of_thing.account, &*of_thing.region, metric, *point));
                }
            }
        }
        let answer = super::put_all(context, &written).await;
        if answer.is_err() {
            self.put_back(minutes);
        }
        answer
    }

    fn put_back(&self, unwritten: BTreeMap<i64, HashMap<String, OfThing<Q>>>) {
        let mut minutes = self.minutes();
        for (minute, things) in unwritten {
            let known = minutes.entry(minute).or_default();
            for (thing, of_thing) in things {
                match known.get_mut(&thing) {
                    None => drop(known.insert(thing, of_thing)),
                    Some(known) => {
                        for (name, qualifier, point) in of_thing.points {
                            known.add(name, &qualifier, point);
                        }
                    }
                }
            }
        }
    }

    fn minutes(&self) -> MutexGuard<'_, BTreeMap<i64, HashMap<String, OfThing<Q>>>> {
        self.minutes.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl<Q: Clone + PartialEq> OfThing<Q> {
    fn add(&mut self, name: &'static str, qualifier: &Q, point: Point) {
        let known = self.points.iter_mut().find(|(known, of, _)| *known == name && of == qualifier);
        match known {
            Some((_, _, known)) => known.merge(&point),
            None => self.points.push((name, qualifier.clone(), point)),
        }
    }
}
