"""What a URL says to a connection."""

import pytest

from outdial_server.outgoing.target import Origin, checked_url, target_of


def http(host: str, port: int = 80) -> Origin:
    return Origin(is_tls=False, host=host, port=port)


def https(host: str, port: int = 443) -> Origin:
    return Origin(is_tls=True, host=host, port=port)


@pytest.mark.parametrize(
    ("url", "origin", "path", "head"),
    [
        ("http://a.example", http("a.example"), "/", "host: a.example\r\n"),
        ("https://a.example/x", https("a.example"), "/x", "host: a.example\r\n"),
        ("http://a.example:443/", http("a.example", 443), "/", "host: a.example:443\r\n"),
        ("https://a.example:443/", https("a.example"), "/", "host: a.example\r\n"),
        ("http://[::1]:8080/x", http("::1", 8080), "/x", "host: [::1]:8080\r\n"),
        ("http://A.Example/X", http("a.example"), "/X", "host: a.example\r\n"),
        (
            "http://straße.de",
            http("xn--strae-oqa.de"),
            "/",
            "host: xn--strae-oqa.de\r\n",
        ),
        (
            "http://user:p%40ss@a.example/",
            http("a.example"),
            "/",
            "host: a.example\r\nauthorization: Basic dXNlcjpwQHNz\r\n",
        ),
    ],
)
def test_where_it_leads(url: str, origin: Origin, path: str, head: str) -> None:
    target = target_of(url)
    assert (target.origin, target.path, target.head) == (origin, path, head)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("http://a.example?x=1", "/?x=1"),
        ("http://a.example/x#part", "/x"),
        ("http://a.example/a b/ü?q=ü ", "/a%20b/%C3%BC?q=%C3%BC%20"),
        ("http://a.example/a%20b/%2F?q=%26", "/a%20b/%2F?q=%26"),
        ("http://a.example/a\r\nx: y", "/ax:%20y"),
        ('http://a.example/"<>`{}', "/%22%3C%3E%60%7B%7D"),
    ],
)
def test_what_is_asked_for(url: str, path: str) -> None:
    assert target_of(url).path == path


@pytest.mark.parametrize(
    "url",
    [
        "http://a b/",
        "http://a\tb c/",
        "http://a.example:99999/",
        "http://[::1/",
        "http://[not-an-address]/",
        "http://a_\x00b/",
        "http://" + "ü" * 70 + ".example/",
    ],
)
def test_a_host_that_is_none_leads_nowhere(url: str) -> None:
    with pytest.raises(ValueError):
        target_of(url)


@pytest.mark.parametrize("url", ["", "a.example", "ftp://a.example", "http://", "http://a:0/"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        checked_url(url)
