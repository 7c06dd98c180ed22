"""`mx.gluon.data.vision.datasets`: pictures in standard files, in folders, in lists and in record files."""
from .picture_lists import ImageFolderDataset, ImageListDataset, ImageRecordDataset
from .standard_files import CIFAR10, CIFAR100, MNIST, FashionMNIST

__all__ = ["MNIST", "FashionMNIST", "CIFAR10", "CIFAR100", "ImageRecordDataset", "ImageFolderDataset",
           "ImageListDataset"]
