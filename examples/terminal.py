"""Progress bars and pictures of digits as plain text, for the other examples."""
import sys


class Progress:
    """The bar of one epoch: redrawn at each step on a terminal; elsewhere a single line when the epoch is over.

    title: what stands before the bar. steps: how many steps the epoch has.
    """

    def __init__(self, title, steps, width=30):
        self.title, self.steps, self.width = title, steps, width
        self.done = 0

    def step(self, text):
        """Count a step; `text` stands behind the bar."""
        self.done += 1
        if sys.stdout.isatty():
            full = self.width * self.done // self.steps
            bar = '=' * full + '.' * (self.width - full)
            print(f'\r{self.title} [{bar}] {text}', end='', flush=True)

    def end(self, text):
        """Finish the epoch's line with `text` in the place of the bar."""
        line = f'{self.title}: {text}'
        if sys.stdout.isatty():
            line = '\r' + line.ljust(len(self.title) + self.width + 24)
        print(line, flush=True)


def show_digits(pixels):
    """Print images of 8 x 8 pixels between 0 and 1 side by side; `pixels` is a NumPy array with one image a row."""
    images = (pixels.reshape(-1, 8, 8) * 3.99).astype(int)
    for row in range(8):
        print('  '.join(''.join(2 * ' .+#'[pixel] for pixel in image[row]) for image in images))
