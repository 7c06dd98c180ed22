"""examples/seed_nd.py (the Gluon crash course's autograd) translated to the NumPy flavour, for MXNet 2.0.0b1.

Where a notebook would show the value of a line, the line is printed.
"""
from mxnet import autograd, np, npx

npx.set_np()


def show(value):
    """What an interactive reader sees under a cell whose last line is `value`."""
    print(repr(value))


print('# Basic usage')
x = np.array([[1, 2], [3, 4]])
show(x)

x.attach_grad()

with autograd.record():
    y = 2 * x * x

y.backward()

show(x.grad)

print('# Using Python control flows')


def f(a):
    b = a * 2
    while np.linalg.norm(b) < 1000:
        b = b * 2
        if b.sum() >= 0:
            c = b[0]
        else:
            c = b[1]
    return c


a = np.random.uniform(size=2)
show(a)

show(np.linalg.norm(a))

a.attach_grad()
with autograd.record():
    c = f(a)

c.backward()

print(a.grad)

show([a.grad, c / a])

# "c.backward() is equivalent to mx.nd.sum(c).backward()": the sum has to be recorded as well.
with autograd.record():
    c = np.sum(f(a))
c.backward()
print(a.grad)

print('# A function of a function')
x = np.array([[1, 2], [3, 4]])
x.attach_grad()
with autograd.record():
    y = 2 * x
    z = y * x
z.backward()
show(x.grad)
show(x.grad == 4 * x)

print('# A norm of 1000 and more to begin with')
# The document's f chooses c inside the loop: when the loop's body never runs, c has no value.
a = np.array([600, 800])
a.attach_grad()
try:
    with autograd.record():
        c = f(a)
except UnboundLocalError as error:
    print(type(error).__name__)
