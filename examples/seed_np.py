"""MXNet's "Step 3: Automatic differentiation with autograd", every example in order.

A plain script for the NumPy flavour: it runs under MXNet 2.0.0b1 and, unmodified, under tracer
(`python -m tracer examples/seed_np.py`). Where a notebook would show the value of a line, the line is printed.
MXNet 1.9.1 fails in the custom Function (its backward can't return np arrays) and otherwise prints the same but for
one gradient: after `y.attach_grad()` on an intermediate x.grad is 2, as the document explains, but 14 in 2.0.0b1.
"""
from mxnet import autograd, np, npx

npx.set_np()


def show(value):
    """Print `value` as a notebook shows it under a cell whose last line it is."""
    print(repr(value))


print('# Basic use')
x = np.array([[1, 2], [3, 4]])
show(x)

x.attach_grad()

with autograd.record():
    y = 2 * x * x

y.backward()

show(x.grad)

with autograd.record():
    y = np.sum(2 * x * x)
y.backward()
show(x.grad)

print('# Running backward twice')
with autograd.record():
    y = np.sum(2 * x * x)
y.backward(retain_graph=True)
print(x.grad)
print("Since you have retained your previous graph you can run backward again")
y.backward()
print(x.grad)

try:
    y.backward()
except:  # noqa: E722 - as in the document
    print("However, you can't do backward twice unless you retain the graph.")

print('# Custom operations')


class My_First_Custom_Operation(autograd.Function):
    def __init__(self):
        super().__init__()

    def forward(self, x, y):
        return 2 * x, 2 * x * y, 2 * y

    def backward(self, dx, dxy, dy):
        """
        The input number of arguments must match the number of outputs from forward.
        Furthermore, the number of output arguments must match the number of inputs from forward.
        """
        return x, y


x = np.random.uniform(-1, 1, (2, 3))
y = np.random.uniform(-1, 1, (2, 3))
x.attach_grad()
y.attach_grad()
with autograd.record():
    z = My_First_Custom_Operation()
    z1, z2, z3 = z(x, y)
    out = z1 + z2 + z3
out.backward()
print(np.array_equiv(x.asnumpy(), x.asnumpy()))
print(np.array_equiv(y.asnumpy(), y.asnumpy()))
# The document compares x with itself; its point is that the gradient is the value that backward() returned.
print(np.array_equiv(x.grad.asnumpy(), x.asnumpy()))
print(np.array_equiv(y.grad.asnumpy(), y.asnumpy()))
show(x)
show(y)
show(out)

print('# Training and predicting')


def my_first_function(x):
    if autograd.is_training():  # Return something else when training
        return (4 * x)
    else:
        return (x)


y = my_first_function(x)
print(np.array_equiv(y.asnumpy(), x.asnumpy()))
with autograd.record(train_mode=False):
    y = my_first_function(x)
y.backward()
print(x.grad)
with autograd.record(train_mode=True):  # train_mode = True by default
    y = my_first_function(x)
y.backward()
print(x.grad)

print('# Functions that record')


def my_second_function(x):
    with autograd.record():
        return (2 * x)


y = my_second_function(x)
y.backward()
print(x.grad)

y = my_second_function(x)
with autograd.record():
    z = my_second_function(y) + 2
z.backward()
print(x.grad)

print('# Control flow')


def f(a):
    b = a * 2
    while np.abs(b).sum() < 1000:
        b = b * 2
    if b.sum() >= 0:
        c = b[0]
    else:
        c = b[1]
    return c


a = np.random.uniform(size=2)
a.attach_grad()
with autograd.record():
    c = f(a)
c.backward()

show(a.grad == c / a)
show(a)
show(c)
show(a.grad)

print('# attach_grad() on an intermediate')
with autograd.record():
    y = 3 * x
    y.attach_grad()
    z = 4 * y + 2 * x
z.backward()
print(x.grad)
print(y.grad)

with autograd.record():
    y = 3 * x
    z = 4 * y + 2 * x
z.backward()
print(x.grad)
print(y.grad)
