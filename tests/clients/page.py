"""Drives the API's page in a headless Chromium, the way somebody without a mouse does.

    page.py URL FOLDER [PICTURE]

Leaves screenshots in FOLDER, and the one for the documentation at PICTURE. Prints `ok`, or fails with what it saw.
"""

import asyncio
import json
import os
import shutil
import sys
import threading
import time
import urllib.request
from concurrent.futures import Future
from urllib.parse import urlsplit

from selenium import webdriver
from selenium.webdriver import ActionChains
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

PATIENCE = 90
ROWS = 10_000
# As a person counts in an editor: the first line has the names of the columns.
BAD_LINES = {4_711: ("2026-02-30", "1"), 9_000: ("2026-11-21", "many")}
PRODUCTS = [("Espresso cup", "7.50"), ("Teapot", "34.00"), ("Milk jug", "12.25")]
EMAIL = {"to": "ada@example.com", "template": "welcome", "values": {"name": "Ada"}}
PHONE = (360, 740)


def main(url, folder, picture):
    browser = start()
    try:
        page = Page(browser, url, Road(url), folder)
        page.open()
        page.has_names_for_everything()
        if picture:
            page.live_a_while()
        imported = page.imports_a_file_by_keyboard()
        if picture:
            page.picture(picture)
        page.fits_a_phone()
        page.reports(imported)
        page.cancels_a_job_that_waits()
        page.filters_and_loads_more()
        page.shows_what_the_api_refuses()
        page.says_nothing_bad()
        page.makes_one_job_of_a_file_whose_answer_was_lost()
        page.comes_back_when_the_network_does()
    except BaseException:
        browser.save_screenshot(os.path.join(folder, "failed.png"))
        print(browser.find_element(By.TAG_NAME, "body").text, file=sys.stderr)
        print(browser.get_log("browser"), file=sys.stderr)
        raise
    finally:
        browser.quit()
    print("ok")


def start():
    def found(name):
        return shutil.which(name) or sys.exit(f"{name} is missing: apt-get install chromium chromium-driver")

    options = Options()
    options.binary_location = found("chromium")
    for argument in ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]:
        options.add_argument(argument)
    if os.geteuid() == 0:
        # Chromium refuses to run as root otherwise.
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(found("chromedriver")))
    watch = """
        window.violations = [];
        document.addEventListener("securitypolicyviolation", (event) =>
            window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`));
    """
    browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": watch})
    return browser


class Road:
    """The way from the browser to the API, which can be cut, and can lose the answers to submissions."""

    def __init__(self, url):
        self.end = urlsplit(url)
        self.open = True
        self.losing = False
        self.travellers = set()
        self.loop = asyncio.new_event_loop()
        listening = Future()
        threading.Thread(target=self.serve, args=[listening], daemon=True).start()
        self.url = f"http://127.0.0.1:{listening.result()}"

    def serve(self, listening):
        server = self.loop.run_until_complete(asyncio.start_server(self.travel, "127.0.0.1", 0))
        listening.set_result(server.sockets[0].getsockname()[1])
        self.loop.run_forever()

    async def travel(self, near_in, near_out):
        outs = {near_out}
        submitting = False

        def is_lost(_):
            return submitting

        def goes_on(part):
            nonlocal submitting
            submitting = self.losing and part.startswith(b"POST /submit-job ")
            return False

        try:
            if self.open:
                far_in, far_out = await asyncio.open_connection(self.end.hostname, self.end.port)
                outs.add(far_out)
                self.travellers |= outs
                await asyncio.wait(
                    [
                        asyncio.create_task(carry(near_in, far_out, goes_on)),
                        asyncio.create_task(carry(far_in, near_out, is_lost)),
                    ],
                    return_when=asyncio.FIRST_COMPLETED,
                )
        finally:
            self.travellers -= outs
            for out in outs:
                out.close()

    def cut(self):
        self.open = False
        self.loop.call_soon_threadsafe(lambda: [out.transport.abort() for out in self.travellers])

    def mend(self):
        self.open = True


async def carry(source, target, is_lost):
    try:
        while (part := await source.read(65_536)) and not is_lost(part):
            target.write(part)
            await target.drain()
    except OSError:
        # One end is gone; so is the way.
        pass


class Page:
    def __init__(self, browser, url, road, folder):
        self.browser = browser
        self.url = url
        self.road = road
        self.folder = folder

    # ---- what is looked at ----

    def open(self):
        self.look(1280, 900)
        self.browser.get(self.road.url)
        self.until("the page is connected", lambda: self.text("#connection") == "Live")

    def has_names_for_everything(self):
        nameless = self.run("""
            const named = (it) => it.labels?.length > 0 || it.textContent.trim() || it.getAttribute("aria-label");
            return [...document.querySelectorAll("input, select, button, a, progress")]
                .filter((it) => !named(it)).map((it) => it.outerHTML)
        """)
        assert nameless == [], nameless
        twice = self.run("""
            const ids = [...document.querySelectorAll("[id]")].map((it) => it.id);
            return ids.filter((id, index) => ids.indexOf(id) !== index)
        """)
        assert twice == [], twice
        for figure in ["queue-chart", "worker-chart"]:
            sentence = self.run(f"return document.querySelector('#{figure} svg title').textContent")
            assert "over the last 10 minutes: now " in sentence, sentence

    def imports_a_file_by_keyboard(self):
        path = os.path.join(self.folder, "orders.csv")
        write_orders(path)
        # So slow that there is progress to be seen.
        self.limit_upload(os.path.getsize(path) / 3)
        self.run("""
            window.progress = [];
            const words = document.querySelector("#progress-words");
            const seen = () => window.progress.push([document.querySelector("#progress").value, words.textContent]);
            new MutationObserver(seen).observe(words, { childList: true });
        """)
        self.run("document.activeElement.blur(); scrollTo(0, 0)")
        self.press(Keys.TAB)
        assert self.focus().get_attribute("class") == "skip", "the first stop skips to the list"
        self.press(Keys.TAB)
        assert self.focus().get_attribute("value") == "csv-import"
        self.press(Keys.TAB)
        assert self.focus().get_attribute("id") == "file"
        assert self.focus().value_of_css_property("outline-style") != "none", "the focus can be seen"
        # What the system's own dialogue would do.
        self.focus().send_keys(path)
        self.tab_to("the button", lambda it: it.get_attribute("id") == "send", 3)
        self.press(Keys.ENTER)
        self.until("the upload is shown", lambda: self.find("#upload").is_displayed())
        self.shoot("uploading")
        self.until("the job is accepted", lambda: "accepted" in self.text("#accepted"))
        self.limit_upload(-1)
        progress, size = self.run("return window.progress"), os.path.getsize(path)
        half_way = [words for sent, words in progress if 0 < sent < size]
        assert half_way and all(words.startswith("Uploading, ") for words in half_way), progress
        assert progress[-1] == [size, f"Uploaded {size / 1e6:.1f} MB, being stored"], progress
        assert not self.find("#upload").is_displayed()
        job = self.newest()
        self.until_status(job, "COMPLETED")
        assert self.focus().get_attribute("id") == "send", "the keyboard stays where it was"
        assert "Completed" in self.text("#said"), "the end is said aloud"
        outcome = f"{ROWS - len(BAD_LINES):,} rows imported, {len(BAD_LINES)} rejected"
        assert self.text(f"{row(job)} .outcome") == outcome, self.text(row(job))
        details = f"{row(job)} button[aria-expanded]"
        wanted = self.browser.find_element(By.CSS_SELECTOR, details)
        self.tab_to("the job's details", lambda it: it == wanted, 60)
        self.press(Keys.ENTER)
        self.until("the rejected rows are shown", lambda: self.all(f"{row(job)} .rejections tbody tr"))
        lines = {int(line.text.split()[0]): line.text for line in self.all(f"{row(job)} .rejections tbody tr")}
        assert set(lines) == set(BAD_LINES), lines
        assert "2026-02-30" in lines[4_711] and "many" in lines[9_000], lines
        self.shoot("imported")
        return job

    def reports(self, imported):
        self.choose("kind", "report")
        self.pick("import", imported)
        self.send()
        job = self.newest()
        self.until_status(job, "COMPLETED")
        self.find(f"{row(job)} button[aria-expanded]").click()
        self.until("the report can be had", lambda: self.all(f"{row(job)} .details a[download]"))
        link = self.find(f"{row(job)} .details a[download]").get_attribute("href")
        with urllib.request.urlopen(link) as report:
            lines = report.read().decode().splitlines()
        assert len(lines) == 1 + 3 and "Teapot" in "".join(lines), lines

    def cancels_a_job_that_waits(self):
        """The worker does one job at a time, so that the second one waits for the first."""
        self.sleep("600")
        busy = self.newest()
        self.until_status(busy, "RUNNING")
        self.sleep("600")
        waiting = self.newest()
        self.until_status(waiting, "SUBMITTED")
        cancel = self.find(f"{row(waiting)} .buttons .quiet")
        assert cancel.text.startswith("Cancel"), cancel.text
        self.run("arguments[0].focus()", cancel)
        self.press(Keys.SPACE)
        self.until_status(waiting, "CANCELLED")
        assert not self.find(f"{row(waiting)} .buttons .quiet").is_displayed()
        assert self.focus().text.startswith("Details"), "the keyboard is not thrown out of the row"
        assert not self.find(f"{row(busy)} .buttons .quiet").is_displayed(), "too late to cancel"

    def filters_and_loads_more(self):
        for number in range(30):
            post(self.url, {"kind": "sleep", "payload": {"milliseconds": number}})
        self.choose("status", "SUBMITTED")
        self.until("only those of one status are listed", lambda: self.statuses() == {"SUBMITTED"})
        self.until("there is a page of them", lambda: len(self.all(".row")) >= 25 and self.find("#more").is_displayed())
        self.find("#more").click()
        self.until("all of them are listed", lambda: len(self.all(".row")) == 30 and not self.find("#more").is_displayed())
        ids = [it.get_attribute("data-id") for it in self.all(".row")]
        assert ids == sorted(ids, reverse=True), "newest first"
        self.choose("status", "CANCELLED")
        self.until("the cancelled one is listed", lambda: self.statuses() == {"CANCELLED"})
        self.choose("status", "FAILED")
        self.until("that there is none is said", lambda: self.text("#empty") == "No job has this status.")
        self.choose("status", "")

    def shows_what_the_api_refuses(self):
        self.choose("kind", "email")
        self.find("#send").click()
        assert self.text("#refusal").startswith("To: "), self.text("#refusal")
        assert self.focus().get_attribute("id") == "to", "the field that is wrong has the keyboard"
        self.find("#to").send_keys("ada@example")
        self.find("#name").send_keys("<b>Ada</b>")
        self.find("#send").click()
        self.until("the API's own words are shown", lambda: "the domain has no dot" in self.text("#refusal"))
        assert self.find("#refusal").get_attribute("role") == "alert"
        refused = [line for line in self.complaints() if "/submit-job" in line["message"] and "422" in line["message"]]
        assert len(refused) == 1, refused

    def fits_a_phone(self):
        self.look(*PHONE, phone=True)
        self.run("scrollTo(0, 0)")
        self.shoot("phone")
        wide = self.run("""
            const width = document.documentElement.clientWidth;
            const wide = (it) => it.getBoundingClientRect().right > width + 0.5 && it.checkVisibility();
            return [document.documentElement.scrollWidth, width,
                [...document.querySelectorAll("main *")].filter(wide).map((it) => it.outerHTML.slice(0, 200))]
        """)
        assert wide[:2] == [PHONE[0], PHONE[0]] and wide[2] == [], wide
        self.find("#jobs").screenshot(os.path.join(self.folder, "phone-jobs.png"))
        self.look(1280, 900)

    def says_nothing_bad(self):
        assert self.complaints() == [], self.complaints()
        violations = self.run("return window.violations")
        assert violations == [], violations

    def makes_one_job_of_a_file_whose_answer_was_lost(self):
        before = imports(self.url)
        self.choose("kind", "csv-import")
        self.find("#file").send_keys(os.path.join(self.folder, "orders.csv"))
        self.road.losing = True
        self.find("#send").click()
        self.until("the loss is told", lambda: "can’t be reached" in self.text("#refusal"))
        made = imports(self.url) - before
        assert len(made) == 1, "the job is there, and the page does not know it"
        self.road.losing = False
        # Something else in between is an attempt of its own.
        self.sleep("600")
        self.choose("kind", "csv-import")
        self.find("#file").send_keys(os.path.join(self.folder, "orders.csv"))
        self.send()
        self.until("the same job is accepted", lambda: {self.newest()} == made)
        assert imports(self.url) - before == made, "the file was imported twice"

    def comes_back_when_the_network_does(self):
        self.road.cut()
        self.until("that it is away is said", lambda: self.text("#connection") == "Reconnecting")
        self.choose("kind", "sleep")
        self.find("#send").click()
        self.until("the submission is refused", lambda: "can’t be reached" in self.text("#refusal"))
        self.road.mend()
        missed = post(self.url, {"kind": "email", "payload": EMAIL})
        self.until("it is back", lambda: self.text("#connection") == "Live")
        self.until("what was missed is listed", lambda: self.all(row(missed)))

    # ---- a picture ----

    def live_a_while(self):
        """Gives the charts and the list something to show."""
        for burst in [3, 9, 5, 14, 7]:
            for _ in range(burst):
                post(self.url, {"kind": "sleep", "payload": {"milliseconds": 2_600}})
            time.sleep(26)
        reason = "the supplier did not answer within 30 s"
        post(self.url, {"kind": "sleep", "payload": {"milliseconds": 10, "fail_with": reason}})
        post(self.url, {"kind": "report", "payload": {}})
        post(self.url, {"kind": "email", "payload": EMAIL})
        for _ in range(3):
            post(self.url, {"kind": "sleep", "payload": {"milliseconds": 2_000}})
        time.sleep(4)

    def picture(self, path):
        self.look(1280, 1020)
        for _ in range(3):
            post(self.url, {"kind": "sleep", "payload": {"milliseconds": 9_000}})
        self.until("one of them runs", lambda: "RUNNING" in self.statuses())
        self.run("document.activeElement.blur(); scrollTo(0, 0)")
        time.sleep(2.5)
        self.browser.save_screenshot(path)
        self.until("they are done", lambda: self.statuses().isdisjoint({"SUBMITTED", "RUNNING"}))
        self.look(1280, 900)

    # ---- how ----

    def look(self, width, height, phone=False):
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def limit_upload(self, bytes_per_second):
        """-1 for no limit."""
        self.browser.execute_cdp_cmd("Network.enable", {})
        limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second}
        self.browser.execute_cdp_cmd("Network.emulateNetworkConditions", limits)

    def run(self, script, *arguments):
        return self.browser.execute_script(script, *arguments)

    def find(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0]).textContent.trim()", selector)

    def focus(self):
        return self.browser.switch_to.active_element

    def press(self, key):
        ActionChains(self.browser).send_keys(key).perform()

    def tab_to(self, what, reached, presses_max):
        for _ in range(presses_max):
            self.press(Keys.TAB)
            if reached(self.focus()):
                return
        raise AssertionError(f"the keyboard does not come to {what} in {presses_max} steps")

    def choose(self, name, value):
        """As a click on its label does."""
        self.run("document.querySelector(`input[name='${arguments[0]}'][value='${arguments[1]}']`).click()", name, value)

    def pick(self, select, value):
        option = f"#{select} option[value='{value}']"
        self.until("the option is there", lambda: self.all(option))
        self.find(option).click()

    def sleep(self, seconds):
        self.choose("kind", "sleep")
        self.run("document.querySelector('#seconds').value = arguments[0]", seconds)
        self.send()

    def send(self):
        self.run("document.querySelector('#accepted').textContent = ''")
        self.find("#send").click()
        self.until("the job is accepted", lambda: "accepted" in self.text("#accepted"))

    def newest(self):
        """The job that was accepted last: its row is there at once, whatever else goes on."""
        end = self.text("#accepted").split("…")[1].split(" ")[0]
        self.until("its row is there", lambda: self.all(f".row[data-id$='{end}']"))
        return self.find(f".row[data-id$='{end}']").get_attribute("data-id")

    def statuses(self):
        return set(self.run("return [...document.querySelectorAll('.row')].map((it) => it.dataset.status)"))

    def until(self, what, so):
        WebDriverWait(self.browser, PATIENCE, 0.1).until(lambda _: so(), f"waited in vain until {what}")

    def until_status(self, job, status):
        told = f"{row(job)}[data-status='{status}']"
        self.until(f"the job is {status}", lambda: self.all(told))
        word = self.text(f"{told} .status")
        assert word == status.capitalize(), word

    def complaints(self):
        """Errors and warnings of the console since the last time."""
        return [line for line in self.browser.get_log("browser") if line["level"] in ("WARNING", "SEVERE")]

    def shoot(self, name):
        self.browser.save_screenshot(os.path.join(self.folder, f"{name}.png"))


def row(job):
    return f".row[data-id='{job}']"


def post(url, submission):
    body = json.dumps(submission).encode()
    request = urllib.request.Request(f"{url}/submit-job", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["id"]


def imports(url):
    with urllib.request.urlopen(f"{url}/jobs?limit=100") as answer:
        return {job["id"] for job in json.load(answer)["jobs"] if job["kind"] == "csv-import"}


def write_orders(path):
    # Long names, so that there is something to upload.
    products = [(f"{name}, {'hand-painted ' * 6}", price) for name, price in PRODUCTS]
    with open(path, "w", encoding="utf-8") as file:
        file.write("order_id,ordered_on,product,quantity,unit_price\n")
        for number in range(ROWS):
            ordered_on, quantity = BAD_LINES.get(number + 2, ("2026-11-21", str(1 + number % 9)))
            product, price = products[number % 3]
            file.write(f'A-{100_000 + number},{ordered_on},"{product}",{quantity},{price}\n')


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None)
