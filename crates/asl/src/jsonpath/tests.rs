use serde_json::{Value, json};

use super::Query;
use crate::expression::Budget;

fn store() -> Value {
    json!({
        "back\\\"slash": 5,
        "store": {
            "book": [
                {"category": "reference", "author": "Nigel Rees", "title": "Sayings", "price": 8.95},
                {"category": "fiction", "author": "Evelyn Waugh", "title": "Sword", "price": 12.99},
                {"category": "fiction", "author": "Herman Melville", "title": "Moby", "isbn": "0-553", "price": 8.99},
                {"category": "fiction", "author": "Tolkien", "title": "Rings", "isbn": "0-395", "price": 22}
            ],
            "bicycle": {"color": "red", "price": 19.95}
        },
        "expensive": 10,
        "a b": {"c.d": 1, "it's": 2, "q\"": 3},
        "x-y": {"é": 4},
        "n": null,
        "list": [[1, 2], [3]],
        "numbers": [1, 2, 3.5],
        "text": "abc"
    })
}

#[test]
fn paths_find_what_jayway_finds() {
    let store = store();
    for (path, expected) in [
        ("", store.clone()),
        (".expensive", json!(10)),
        (".n", Value::Null),
        ("['a b']['c.d']", json!(1)),
        ("['a b']['it\\'s']", json!(2)),
        ("[\"a b\"][\"q\\\"\"]", json!(3)),
        ("['back\\\"slash']", json!(5)),
        ("['back\\\\\"slash']", json!(5)),
        (".x-y.é", json!(4)),
        (".store.book[0].author", json!("Nigel Rees")),
        (".store.book[-1].author", json!("Tolkien")),
        (".store['bicycle'].color", json!("red")),
        (".store.bicycle['color','price']", json!({"color": "red", "price": 19.95})),
        (".store.book[0,1].price", json!([8.95, 12.99])),
        (".store.book[:2].price", json!([8.95, 12.99])),
        (".store.book[1:2].price", json!([12.99])),
        (".store.book[-2:].price", json!([8.99, 22])),
        (".store.book[2:].price", json!([8.99, 22])),
        (".store.book[:-3].price", json!([8.95])),
        (".store.book[9:].price", json!([])),
        (".store.book[*].isbn", json!(["0-553", "0-395"])),
        (".store.*.color", json!(["red"])),
        (".list[*][0]", json!([1, 3])),
        ("..author", json!(["Nigel Rees", "Evelyn Waugh", "Herman Melville", "Tolkien"])),
        ("..book[2].title", json!(["Moby"])),
        ("..nothing", json!([])),
        (".store..price", json!([8.95, 12.99, 8.99, 22, 19.95])),
        (".store.book[?(@.isbn)].title", json!(["Moby", "Rings"])),
        (".store.book[?(!@.isbn)].price", json!([8.95, 12.99])),
        (".store.book[?(@.price < 10)].title", json!(["Sayings", "Moby"])),
        (".store.book[?(@.price <= $.expensive)].title", json!(["Sayings", "Moby"])),
        (
            ".store.book[?(@.price > 10 && @.category == 'fiction')].title",
            json!(["Sword", "Rings"]),
        ),
        (".store.book[?(@.price > 20 || @.price < 8.96)].title", json!(["Sayings", "Rings"])),
        (".store.book[?(@.price == 22.0)].title", json!(["Rings"])),
        (".store.book[?(@.author =~ /.*REES/i)].title", json!(["Sayings"])),
        (".store.book[?(@.author =~ /REES/i)].title", json!([])),
        (".store.book[?(@.title in ['Moby', \"Rings\"])].price", json!([8.99, 22])),
        (".store.book[?(@.title nin ['Moby', 'Rings'])].price", json!([8.95, 12.99])),
        (".store.book[?(@['title'] == 'Moby')]['price']", json!([8.99])),
        (".store.book[?(@.title contains 'ng')].title", json!(["Sayings", "Rings"])),
        (".store.book[?(@.title size 4)].title", json!(["Moby"])),
        (".store.book[?(@.isbn == null)].title", json!([])),
        (".store.book[?(@.isbn != 'x')].price", json!([8.95, 12.99, 8.99, 22])),
        (".store.book[?(@.title.length() == 4)].title", json!([])),
        (".list[?(@.length() == 2)]", json!([[1, 2]])),
        (".numbers[?(@ > 1)]", json!([2, 3.5])),
        (".store.book.length()", json!(4)),
        (".store.length()", json!(2)),
        (".numbers.sum()", json!(6.5)),
        (".numbers.max()", json!(3.5)),
        (".numbers.avg()", json!(6.5 / 3.0)),
        (".store.bicycle.keys()", json!(["color", "price"])),
        (".numbers.first()", json!(1)),
        (".numbers.index(-2)", json!(2)),
        ("..book.length()", json!(1)),
        (".store.book[?(@.price > 100)][0]", json!([])),
    ] {
        let query = Query::parse(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let found = query
            .find(&store, &Budget::default())
            .unwrap_or_else(|missing| panic!("{path}: {}", missing.0));
        assert_eq!(*found, expected, "{path}");
    }
}

#[test]
fn a_definite_path_that_finds_nothing_says_so_as_aws_does() {
    let store = store();
    for (path, expected) in [
        (".nothing", "No results for path: $['nothing']"),
        (".no.such.path", "Missing property in path $['no']"),
        (".store.no.such", "Missing property in path $['store']['no']"),
        (".store.book[7]", "No results for path: $['store']['book'][7]"),
        (".store.book[7].title", "No results for path: $['store']['book'][7]['title']"),
        (
            ".text.b",
            "Expected to find an object with property ['b'] in path $['text'] but found 'java.lang.String'. This is not a json object according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JacksonJsonProvider'.",
        ),
        (".text[0]", "Filter: [0] can only be applied to arrays. Current context is: \"abc\""),
        (".n[0]", "The path $['n'] is null"),
        (".missing[*]", "Missing property in path $['missing']"),
    ] {
        let missing = Query::parse(path).unwrap().find(&store, &Budget::default()).unwrap_err();
        assert_eq!(missing.0, expected, "{path}");
    }
}

#[test]
fn what_is_no_path_is_refused() {
    for path in [
        ".",
        "..",
        "x",
        ".a b",
        ".a[",
        ".a[]",
        ".a['b]",
        ".a[x]",
        ".a[?]",
        ".a[?()]",
        ".a[?(@.b ==)]",
        ".a[?(1)]",
        ".a..",
        ".a.",
        ".a[1:2:3]",
        ".a.unknown()",
        ".a[99999999999]",
        "['a' 'b']",
        ".a[?(@.b =~ /(/)]",
    ] {
        assert!(Query::parse(path).is_err(), "{path}");
    }
    let deep = format!(".a[?{}", "(".repeat(100_000));
    assert!(Query::parse(&deep).is_err());
    let deep = format!(".a[?({}@.b)]", "!".repeat(100_000));
    assert!(Query::parse(&deep).is_err());
}

#[test]
fn definite_or_not() {
    for (path, definite) in [
        (".a.b[0]['c']", true),
        ("['a','b']", true),
        ("['a','b'].c", false),
        (".a[*]", false),
        (".a[0:1]", false),
        ("..a", false),
        (".a[?(@.b)]", false),
    ] {
        assert_eq!(Query::parse(path).unwrap().is_definite(), definite, "{path}");
    }
    assert!(Query::parse(".a[1]").unwrap().segments().is_some());
    assert!(Query::parse(".a[-1]").unwrap().segments().is_none());
}
