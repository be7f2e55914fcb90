//! REST routes: which operation a method and a path mean, and the labels in the path.

use percent_encoding::percent_decode_str;

use crate::service::{Operation, Service};

/// The routes of a service.
#[derive(Debug)]
pub struct Routes(Vec<Route>);

#[derive(Debug)]
struct Route {
    operation: usize,
    method: Box<str>,
    segments: Vec<Segment>,
    /// Parameters the query must have: `?Operation=x`, `?uploads`.
    literals: Vec<(Box<str>, Option<Box<str>>)>,
}

#[derive(Debug)]
enum Segment {
    Literal(Box<str>),
    Label(Box<str>),
    /// The rest of the path, slashes and all.
    Greedy(Box<str>),
}

/// The operation a request means.
#[derive(Debug)]
pub struct Matched<'a> {
    /// The operation.
    pub operation: &'a Operation,
    /// The labels of its path by their wire names, decoded.
    pub labels: Vec<(&'a str, String)>,
}

impl Routes {
    pub(crate) fn of(service: &Service) -> Routes {
        let routes = service.operations.iter().enumerate();
        Routes(routes.map(|(place, operation)| Route::of(place, operation)).collect())
    }

    /// The route that fits best: the one with the most that is written out, in path and query.
    ///
    /// `path` is as it came, still percent-encoded; `query` says whether the query has a parameter, and
    /// with which value.
    pub fn find<'a>(
        &'a self,
        service: &'a Service,
        method: &str,
        path: &str,
        query: &[(String, String)],
    ) -> Option<Matched<'a>> {
        let segments: Vec<&str> = split(path).collect();
        self.0
            .iter()
            .filter(|route| *route.method == *method)
            .filter_map(|route| Some((route.fit(&segments, query)?, route)))
            .max_by_key(|(written_out, _)| *written_out)
            .map(|(_, route)| Matched {
                operation: &service.operations[route.operation],
                labels: route.labels(&segments),
            })
    }
}

impl Route {
    fn of(place: usize, operation: &Operation) -> Route {
        let (path, query) = operation.uri.split_once('?').unwrap_or((&operation.uri, ""));
        let segments = split(path).map(|segment| {
            match segment.strip_prefix('{').and_then(|label| label.strip_suffix('}')) {
                None => Segment::Literal(segment.into()),
                Some(label) => match label.strip_suffix('+') {
                    Some(label) => Segment::Greedy(label.into()),
                    None => Segment::Label(label.into()),
                },
            }
        });
        let literals = query.split('&').filter(|part| !part.is_empty()).map(|part| {
            match part.split_once('=') {
                Some((name, value)) => (name.into(), Some(value.into())),
                None => (part.into(), None),
            }
        });
        Route {
            operation: place,
            method: operation.method.clone(),
            segments: segments.collect(),
            literals: literals.collect(),
        }
    }

    /// How much of the request is written out in the template; none if it does not fit.
    fn fit(&self, segments: &[&str], query: &[(String, String)]) -> Option<(usize, usize)> {
        let greedy = matches!(self.segments.last(), Some(Segment::Greedy(_)));
        let fits = if greedy {
            segments.len() >= self.segments.len()
        } else {
            segments.len() == self.segments.len()
        };
        if !fits {
            return None;
        }
        let mut written_out = 0;
        for (segment, given) in self.segments.iter().zip(segments) {
            if let Segment::Literal(literal) = segment {
                if **literal != **given {
                    return None;
                }
                written_out += 1;
            }
        }
        for (name, value) in &self.literals {
            query.iter().find(|(given, text)| {
                **given == **name && value.as_ref().is_none_or(|value| **value == **text)
            })?;
        }
        Some((written_out, self.literals.len()))
    }

    fn labels(&self, segments: &[&str]) -> Vec<(&str, String)> {
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let labels =
            self.segments.iter().enumerate().filter_map(|(place, segment)| match segment {
                Segment::Literal(_) => None,
                Segment::Label(name) => Some((&**name, decode(segments[place]))),
                Segment::Greedy(name) => Some((&**name, decode(&segments[place..].join("/")))),
            });
        labels.collect()
    }
}

/// The segments of a path; a slash at the end means nothing.
fn split(path: &str) -> impl Iterator<Item = &str> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    path.split('/').filter(move |_| !path.is_empty())
}

#[cfg(test)]
mod tests {
    #[test]
    fn paths_find_their_operations() {
        let cases = [
            (
                "sagemaker-runtime",
                "POST",
                "/endpoints/a%20b/invocations",
                "InvokeEndpoint",
                vec!["a b"],
            ),
            ("sagemaker-metrics", "PUT", "/BatchPutMetrics", "BatchPutMetrics", vec![]),
            ("lambda", "GET", "/2015-03-31/functions/", "ListFunctions", vec![]),
            ("lambda", "POST", "/2015-03-31/functions/f/invocations", "Invoke", vec!["f"]),
            (
                "lambda",
                "GET",
                "/2017-03-31/tags/arn:aws:lambda:x",
                "ListTags",
                vec!["arn:aws:lambda:x"],
            ),
            ("batch", "POST", "/v1/submitjob", "SubmitJob", vec![]),
        ];
        for (name, method, path, expected, labels) in cases {
            let service = crate::service(name).expect("is there");
            let found = service.routes().find(service, method, path, &[]).expect(path);
            assert_eq!(&*found.operation.name, expected);
            let found: Vec<_> = found.labels.iter().map(|(_, value)| value.as_str()).collect();
            assert_eq!(found, labels);
        }
        let runtime = crate::service("sagemaker-runtime").expect("is there");
        assert!(runtime.routes().find(runtime, "GET", "/endpoints/a/invocations", &[]).is_none());
        assert!(runtime.routes().find(runtime, "POST", "/", &[]).is_none());
    }
}
