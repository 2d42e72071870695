"""A server and a browser for the tests of HTTP and of the pages' frame."""

from tests.serving_fixtures import *  # noqa: F403
