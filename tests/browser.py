"""Chromium without a screen, for tests of what people see of Airflow."""

import json
import shutil
from pathlib import Path

import pytest
from system.rest import PATIENCE

IMAGES = Path(__file__).parents[1] / "docs" / "images"
PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def chromium():
    """A browser; its tests are skipped where Chromium is not installed.

    Playwright's event loop runs in the tests' thread for as long as this lives, so no asynchronous test may use it.
    """
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("Chromium is not installed; on Debian: apt-get install chromium-headless-shell")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def log_in(chromium):
    """Gives the window of a user who has logged in at an Airflow: one for all tests of a file that want the same.

    Airflow's page costs seconds of CPU until it is loaded and drawn, and half as much where its scripts are known.
    """
    windows = {}

    def log_in(url, user, password, **options):
        key = (url, user, json.dumps(options, sort_keys=True))
        if key not in windows:
            windows[key] = chromium.new_context(**options)
            windows[key].set_default_timeout(PATIENCE * 1000)
            page = windows[key].new_page()
            page.goto(f"{url}/auth/login")
            page.get_by_label("Username").fill(user)
            page.get_by_label("Password").fill(password)
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url(lambda address: "/auth/login" not in address)
            page.close()
        return windows[key]

    yield log_in
    for window in windows.values():
        window.close()


@pytest.fixture
def open_page(log_in):
    """Opens a page of an Airflow as a user who has logged in.

    The page's attribute `problems` lists what its scripts wrote as errors; `asked`, all requests of the browser.
    """
    pages = []

    def open_page(url, user, password, *, path="/", dark=False, size=(1300, 800), **options):
        """Log in at the Airflow whose address this is, and return one of its pages.

        Args:
            url: The address of Airflow, with its base path.
            user: The user's name.
            password: The password.
            path: The path of the page.
            dark: Whether the user's system is dark.
            size: The width and height of the window.
            options: More for the browser's context, such as `timezone_id` and `locale`.
        """
        width, height = size
        options |= {"color_scheme": "dark" if dark else "light", "viewport": {"width": width, "height": height}}
        page = log_in(url, user, password, **options).new_page()
        pages.append(page)
        page.problems = []
        page.asked = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on("console", lambda line: page.problems.append(line.text) if line.type == "error" else None)
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(f"{url}{path}")
        return page

    yield open_page
    for page in pages:
        page.close()


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
