"""The contract's HTTP bindings."""

from outdial_server.api.server import SERVICES
from outdial_server.gateway.native.routes import Route, Router, routes_of

METHODS = [method for service in SERVICES for method in service.methods]
ROUTES = [route for method in METHODS for route in routes_of(method)]


def test_every_rpc_is_bound() -> None:
    bound = {route.rpc.full_name for route in ROUTES}
    assert bound == {method.full_name for method in METHODS}


def test_every_route_is_found_by_its_own_path() -> None:
    router = Router(ROUTES)
    for route in ROUTES:
        values = [f"value-{n}" for n in range(len(route.variables))]
        match = router.find(route.verb, path_with(route, values))
        assert match is not None
        assert match.route is route
        assert list(match.values.values()) == values


def test_every_path_is_below_the_prefix_and_in_one_spelling() -> None:
    for route in ROUTES:
        bare = path_with(route, [""] * len(route.variables))
        place, _, verb = bare.partition(":")
        assert place.startswith("/outdial/v1/")
        assert place == place.lower()
        assert "-" not in verb


def path_with(route: Route, values: list[str]) -> str:
    path = route.path
    for variable, value in zip(route.variables, values, strict=True):
        path = path.replace(f"{{{variable}}}", value)
    return path
