"""Chromium as a person uses it: a context a person, and everything the browser complained of."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from callmesh.console.accounts import DEMO_PASSWORD

CHROMIUM = os.environ.get("CALLMESH_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
SIZE = {"width": 1366, "height": 768}
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    # The address bar's two hidden pages cost more than the page under test; the rest Playwright switches off, too.
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,WebUIOmniboxFullPopup,AimEnabled,DestroyProfileOnBrowserClose,"
    "HttpsUpgrades,LensOverlay,MediaRouter,OptimizationHints,PaintHolding,PreconnectToSearch,ThirdPartyStoragePartitioning",
)
expect.set_options(timeout=60_000)  # waits for a condition; how fast pages are is tested where it is promised


@dataclass
class Desk:
    """A signed-in person's page. `complaints` are errors of scripts and of the content security policy."""

    account: str
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Collects what the browser complains of on that page."""
        page.on("pageerror", lambda error: self.complaints.append(f"pageerror {error}"))
        page.on("console", self._heard)

    def _heard(self, message: Any) -> None:
        if message.type == "error" and ("Content Security Policy" in message.text or "Uncaught" in message.text):
            self.complaints.append(message.text)

    async def close(self) -> None:
        await self.context.close()


class Browsing:
    """One Chromium in front of one console."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser, self.url = browser, url
        self._signed_in: dict[str, Any] = {}

    @classmethod
    @asynccontextmanager
    async def open(cls, chromium: str, url: str) -> AsyncIterator[Browsing]:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            try:
                yield cls(browser, url)
            finally:
                await browser.close()

    async def context(self, **more: Any) -> BrowserContext:
        """A fresh person's browser: Chinese, light, the smaller of the two desk screens unless told otherwise."""
        given = {"viewport": SIZE, "locale": "zh-CN", "color_scheme": "light", "base_url": self.url} | more
        made = await self.browser.new_context(**given)
        made.set_default_timeout(60_000)
        return made

    async def sign_in(self, account: str, **more: Any) -> Desk:
        """Through the door, as a person; the next time with the cookie of the first."""
        context = await self.context(storage_state=self._signed_in.get(account), **more)
        page = await context.new_page()
        desk = Desk(account, context, page)
        desk.watch(page)
        if account in self._signed_in:
            await page.goto("/")
            return desk
        await page.goto("/sign-in")
        await page.fill("[name=id]", account)
        await page.fill("[name=password]", DEMO_PASSWORD)
        await page.press("[name=password]", "Enter")
        await page.wait_for_url(lambda url: "/sign-in" not in url)
        self._signed_in[account] = await context.storage_state()
        return desk

    async def look(self, desk: Desk, language: str, theme: str = "light") -> None:
        """Chooses language and theme for the pages to come, as the buttons of the header do."""
        chosen = (("lang", language), ("theme", theme))
        await desk.context.add_cookies([{"name": name, "value": value, "url": self.url} for name, value in chosen])


async def wears(page: Page, theme: str) -> None:
    """Changes the colours of the page that is shown: a theme is style alone."""
    await page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
