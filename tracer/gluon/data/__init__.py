"""`mx.gluon.data`: datasets, samplers and loaders of batches."""
from ..submodules import importing
from . import _internal, batchify, dataloader, dataset, sampler
from .dataloader import DataLoader
from .dataset import ArrayDataset, Dataset, RecordFileDataset, SimpleDataset
from .sampler import BatchSampler, FilterSampler, IntervalSampler, RandomSampler, Sampler, SequentialSampler

__all__ = ["_internal", "ArrayDataset", "batchify", "BatchSampler", "DataLoader", "dataloader", "Dataset", "dataset",
           "FilterSampler", "IntervalSampler", "RandomSampler", "RecordFileDataset", "Sampler", "sampler",
           "SequentialSampler",
           "SimpleDataset"]

__getattr__ = importing(__name__)
