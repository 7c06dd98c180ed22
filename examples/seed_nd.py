"""The Gluon crash course's "Automatic differentiation with autograd", every example in order.

A plain script for the nd flavour: it runs under MXNet 1.9.1 and, unmodified, under tracer
(`python -m tracer examples/seed_nd.py`). Where a notebook would show the value of a line, the line is printed.
"""
from mxnet import autograd, nd


def show(value):
    """Print `value` as a notebook shows it under a cell whose last line it is."""
    print(repr(value))


print('# Basic usage')
x = nd.array([[1, 2], [3, 4]])
show(x)

x.attach_grad()

with autograd.record():
    y = 2 * x * x

y.backward()

show(x.grad)

print('# Using Python control flows')


def f(a):
    b = a * 2
    while b.norm().asscalar() < 1000:
        b = b * 2
        if b.sum().asscalar() >= 0:
            c = b[0]
        else:
            c = b[1]
    return c


a = nd.random.uniform(shape=2)
show(a)

show(a.norm())

a.attach_grad()
with autograd.record():
    c = f(a)

c.backward()

print(a.grad)

show([a.grad, c / a])

# "c.backward() is equivalent to mx.nd.sum(c).backward()": the sum has to be recorded as well.
with autograd.record():
    c = nd.sum(f(a))
c.backward()
print(a.grad)

print('# A function of a function')
x = nd.array([[1, 2], [3, 4]])
x.attach_grad()
with autograd.record():
    y = 2 * x
    z = y * x
z.backward()
show(x.grad)
show(x.grad == 4 * x)

print('# A norm of 1000 and more to begin with')
# The document's f chooses c inside the loop: when the loop's body never runs, c has no value.
a = nd.array([600, 800])
a.attach_grad()
try:
    with autograd.record():
        c = f(a)
except UnboundLocalError as error:
    print(type(error).__name__)
