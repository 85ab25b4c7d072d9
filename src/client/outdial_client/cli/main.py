"""Where the `outdial` command starts."""

try:
    from outdial_client.cli._app import app
except ModuleNotFoundError as error:
    if error.name not in {"rich", "typer"}:
        raise
    raise SystemExit("outdial needs its extra: pip install 'outdial-client[cli]'") from None
except KeyboardInterrupt:
    # Ctrl-C while this is still being loaded.
    raise SystemExit(130) from None

__all__ = ["app"]
