"""Open a report's page in headless Chromium: wide, narrow and on paper, light and dark.

    python proofs/reports/in_browser.py [REPORT.html …] [--screenshots DIR]        (make recheck)

Looked for: more bytes than a page may have, messages on the console, figures that are missing or not seen, a page wider
than its window, text that is too small, cut off or overlaps in a figure, text with less contrast than 4.5 : 1 and marks
in figures with less than 3 : 1 (WCAG 2.2, 1.4.3 and 1.4.11). Before it believes that a page is good, the check has to
find each of these on copies of the page in which they were planted. Exit status 1 where something is found, or where a
planted fault is not.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
VIEWS = {  # name: width, height, medium, colours
    "wide": (1280, 900, "screen", "light"),
    "wide-dark": (1280, 900, "screen", "dark"),
    "narrow": (360, 780, "screen", "light"),
    "narrow-dark": (360, 780, "screen", "dark"),
    "paper": (794, 1123, "print", "light"),
    "paper-dark": (794, 1123, "print", "dark"),
}
FAINT = "--c9ccd1"  # of the grid, which may be faint
LARGEST = 150_000  # bytes of a page
SMALLEST = 9  # pixels, of the font of any text

LOOK = r"""
const [faintName, smallest] = arguments;
const faint = getComputedStyle(document.documentElement).getPropertyValue(faintName).trim();
const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
function rgba(colour) {
  canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255];
}
function luminance([r, g, b]) {
  const [R, G, B] = [r, g, b].map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * R + 0.7152 * G + 0.0722 * B;
}
function background(element) {
  if (!element) return [255, 255, 255, 1];
  const colour = rgba(getComputedStyle(element).backgroundColor), share = colour[3];
  if (share === 1) return colour;
  const behind = background(element.parentElement);
  return [0, 1, 2].map(k => share * colour[k] + (1 - share) * behind[k]).concat(1);
}
function contrast(colour, back) {
  const [a, b] = [luminance(colour), luminance(back)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}
const problems = [];
if (document.documentElement.scrollWidth > window.innerWidth)
  problems.push(`the page is ${document.documentElement.scrollWidth} pixels wide in a window of ${window.innerWidth}`);
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const element = texts.currentNode.parentElement, said = texts.currentNode.data.trim().slice(0, 40);
  if (!said || element.closest('style')) continue;
  const style = getComputedStyle(element), drawing = element.closest('svg');
  const ratio = contrast(rgba(drawing ? style.fill : style.color), background(drawing || element));
  if (ratio < 4.5) problems.push(`contrast ${ratio.toFixed(2)} of the text "${said}"`);
  const scale = drawing ? drawing.getBoundingClientRect().width / drawing.viewBox.baseVal.width : 1;
  const pixels = scale * parseFloat(style.fontSize);
  if (pixels < smallest) problems.push(`a font of ${pixels.toFixed(1)} pixels for "${said}"`);
}
const captions = document.querySelectorAll('figure figcaption').length;
const drawings = [...document.querySelectorAll('figure svg[role=img]')];
if (!captions || captions !== drawings.length) problems.push(`${drawings.length} figures for ${captions} captions`);
for (const drawing of drawings) {
  const name = drawing.getAttribute('aria-label'), box = drawing.getBoundingClientRect();
  const marks = [...drawing.querySelectorAll('path, use')].filter(mark => !mark.closest('defs'));
  const page = background(drawing), seen = new Set();
  let drawn = 0;
  for (const mark of marks) {
    const style = getComputedStyle(mark), size = mark.getBoundingClientRect();
    if (size.width + size.height > 0) drawn++;
    for (const colour of [style.fill, style.stroke]) {
      const value = colour === 'none' ? null : rgba(colour);
      if (!value || value[3] === 0 || seen.has(colour)) continue;
      seen.add(colour);
      const ratio = contrast(value, page);
      if (ratio > 1.05 && ratio < 3 && value.join() !== rgba(faint).join())
        problems.push(`contrast ${ratio.toFixed(2)} of a mark of ${colour} in "${name}"`);
    }
  }
  if (box.width < 200 || box.height < 100 || drawn < 10) problems.push(`the figure "${name}" is not seen`);
  const placed = [...drawing.querySelectorAll('text')].map(text => [text.textContent, text.getBoundingClientRect()]);
  for (const [said, text] of placed) {
    const inside = text.left > box.left - 1 && text.right < box.right + 1;
    if (!inside || text.top < box.top - 1 || text.bottom > box.bottom + 1)
      problems.push(`"${said}" is cut off in "${name}"`);
    for (const [other, its] of placed)
      if (text !== its && Math.min(text.right, its.right) - Math.max(text.left, its.left) > 1
          && Math.min(text.bottom, its.bottom) - Math.max(text.top, its.top) > 3)  // a line is higher than its letters
        problems.push(`"${said}" and "${other}" overlap in "${name}"`);
  }
  if (getComputedStyle(drawing).visibility !== 'visible') problems.push(`the figure "${name}" is hidden`);
}
return problems;
"""

PLANTED = {  # what goes wrong: how, in the text of the page, and what the check has to say
    "a console message": ("</main>", '</main><img src="missing.png">', "console"),
    "a missing figure": ('<svg role="img"', '<svg role="none"', "captions"),
    "a figure not seen": ("figure svg {", "figure svg { visibility: hidden;", "is hidden"),
    "an empty figure": ("</head>", "<style>figure svg g { display: none; }</style></head>", "is not seen"),
    "pale text": ("--soft: #5b626b", "--soft: #b0b6be", "of the text"),
    "pale text in the dark": ("--soft: #a9b0ba", "--soft: #4b525b", "of the text"),
    "pale marks": ("--0072b2: #0072b2", "--0072b2: #9fd0f0", "of a mark"),
    "pale text on a colour": ("--amiss-rgb: 196 85 0", "--amiss-rgb: 0 0 0", "of the text"),
    "pale text in a figure": ("--c45500: #c45500", "--c45500: #e88a40", "of the text"),
    "small text": ("figcaption {", "figcaption { font-size: 8px !important;", "a font of"),
    "small text in a figure": ("font-size: 8px", "font-size: 6px", "a font of"),
    "text cut off in a figure": ("<text ", '<text dx="-150" ', "is cut off"),
    "texts that overlap in a figure": ("<text ", '<text x="60" y="60">tolerance</text>' * 2 + "<text ", "overlap in"),
    "a page too heavy": ("</main>", f"<!-- {'-' * LARGEST} --></main>", "bytes"),
    "a page too wide": ("</head>", "<style>pre { width: 1500px; }</style></head>", "pixels wide"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", type=Path, default=[HERE / "reference/report.html"])
    parser.add_argument("--screenshots", type=Path, metavar="DIR", help="save a picture of each view there")
    args = parser.parse_args()
    browser = start()
    try:
        return int(
            self_test(browser, args.pages[0]) + sum(check(browser, page, args.screenshots) for page in args.pages) > 0
        )
    finally:
        browser.quit()


def start():
    """Debian's Chromium, through its driver."""
    try:
        from selenium import webdriver
    except ImportError:
        sys.exit('the check in a browser needs selenium: pip install "refnn[check]"')
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        sys.exit("Chromium or its driver is missing: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=driver))


def problems(browser, page, screenshots=None):
    """What is wrong with a page, by view."""
    size = page.stat().st_size
    found = [f"{size:,} bytes, expected fewer than {LARGEST:,}"] if size >= LARGEST else []
    for view, (width, height, medium, colours) in VIEWS.items():
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        features = [{"name": "prefers-color-scheme", "value": colours}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": medium, "features": features})
        browser.get(page.resolve().as_uri())
        found += [f"{view}: {problem}" for problem in browser.execute_script(LOOK, FAINT, SMALLEST)]
        found += [f"{view}: console: {entry['message'][:200]}" for entry in browser.get_log("browser")]
        if screenshots:
            screenshots.mkdir(parents=True, exist_ok=True)
            metrics["height"] = browser.execute_script("return document.documentElement.scrollHeight")
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            browser.save_screenshot(str(screenshots / f"{page.parent.name}-{view}.png"))
    return found


def self_test(browser, page):
    """The number of planted faults that are not found."""
    text, missed = page.read_text(encoding="utf-8"), 0
    with tempfile.TemporaryDirectory() as directory:
        for what, (old, new, said) in PLANTED.items():
            assert old in text, f"the page has no {old} in which to plant {what}"
            copy = Path(directory) / "report.html"
            copy.write_text(text.replace(old, new, 1), encoding="utf-8")
            seen = any(said in problem for problem in problems(browser, copy))
            print(f"{'found ' if seen else 'MISSED'}  {what}")
            missed += not seen
    return missed


def check(browser, page, screenshots):
    """The number of problems of a page, printed."""
    found = problems(browser, page, screenshots)
    print(f"{page}: {len(found)} problems in {len(VIEWS)} views", *found, sep="\n  ")
    return len(found)


if __name__ == "__main__":
    sys.exit(main())
