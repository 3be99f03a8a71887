"""Chromium without a screen, for tests of what people see of Airflow."""

import shutil
from pathlib import Path

import pytest
from system.rest import PATIENCE

IMAGES = Path(__file__).parents[1] / "docs" / "images"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def chromium():
    """A browser; its tests are skipped where Chromium is not installed.

    Playwright's event loop runs in the tests' thread for as long as this lives, so no asynchronous test may use it.
    """
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("Chromium is not installed; on Debian: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium):
    """Opens a page of an Airflow as a user who has logged in.

    The page's attribute `problems` lists what its scripts wrote as errors.
    """
    contexts = []

    def open_page(url, user, password, *, dark=False, size=(1300, 800), **options):
        """Log in at the Airflow whose address this is, and return the page of its start.

        Args:
            url: The address of Airflow, with its base path.
            user: The user's name.
            password: The password.
            dark: Whether the user's system is dark.
            size: The width and height of the window.
            options: More for the browser's context, such as `timezone_id` and `locale`.
        """
        width, height = size
        context = chromium.new_context(
            color_scheme="dark" if dark else "light", viewport={"width": width, "height": height}, **options
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE * 1000)
        page = context.new_page()
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on("console", lambda line: page.problems.append(line.text) if line.type == "error" else None)
        page.goto(f"{url}/auth/login")
        page.get_by_label("Username").fill(user)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda address: "/auth/login" not in address)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def take_picture(request):
    """Takes a picture for the documentation, with `--pictures` only: tests leave nothing behind."""

    def take(shown, name, **options):
        """Take it.

        Args:
            shown: A page, or a part of one.
            name: The name of the picture's file, without its ending.
            options: More for its `screenshot`.
        """
        if request.config.getoption("--pictures"):
            shown.screenshot(path=IMAGES / f"{name}.png", animations="disabled", **options)

    return take
