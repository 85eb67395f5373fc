"""What generated modules need and torch lacks; imports torch and nothing of dlspec's other rooms."""

from dlspec.nn.anchors import anchor_boxes, cell_anchors
from dlspec.nn.bilinear import bilinear_
from dlspec.nn.box_coding import decode_boxes, encode_boxes
from dlspec.nn.box_iou import box_iou, complete_box_iou, distance_box_iou, generalized_box_iou
from dlspec.nn.box_losses import complete_box_iou_loss, distance_box_iou_loss, generalized_box_iou_loss
from dlspec.nn.boxes import box_area, box_convert, clip_boxes_to_image, masks_to_boxes, remove_small_boxes
from dlspec.nn.crop import crop
from dlspec.nn.detections import best_detections, postprocess_detections
from dlspec.nn.feature_pyramid import assign_levels, multi_scale_roi_align
from dlspec.nn.focal_loss import sigmoid_focal_loss
from dlspec.nn.frozen_batch_norm import FrozenBatchNorm2d
from dlspec.nn.image_batch import batch_images, resize_boxes, resize_masks, resize_rois
from dlspec.nn.image_sizes import image_sizes
from dlspec.nn.layer_norm import LayerNorm2d
from dlspec.nn.masks import maskrcnn_inference, maskrcnn_loss, paste_masks, paste_masks_in_image, project_masks_on_boxes
from dlspec.nn.matching import match
from dlspec.nn.proposals import region_proposals
from dlspec.nn.roi_align import roi_align
from dlspec.nn.roi_pool import roi_pool
from dlspec.nn.rois import per_image, rois_from_boxes
from dlspec.nn.rpn_loss import match_anchors, rpn_loss
from dlspec.nn.sampling import balanced_sample
from dlspec.nn.second_stage import fastrcnn_loss, foreground, sample_rois
from dlspec.nn.shared_batch import shared_batch
from dlspec.nn.stochastic_depth import StochasticDepth, stochastic_depth
from dlspec.nn.suppression import batched_nms, nms
from dlspec.nn.yolo import yolo_assign, yolo_boxes, yolo_detections, yolo_loss
from dlspec.nn.yolo_v1 import yolo_v1_boxes, yolo_v1_detections, yolo_v1_loss

__all__ = [
    "FrozenBatchNorm2d",
    "LayerNorm2d",
    "StochasticDepth",
    "anchor_boxes",
    "assign_levels",
    "balanced_sample",
    "batch_images",
    "batched_nms",
    "best_detections",
    "bilinear_",
    "box_area",
    "box_convert",
    "box_iou",
    "cell_anchors",
    "clip_boxes_to_image",
    "complete_box_iou",
    "complete_box_iou_loss",
    "crop",
    "decode_boxes",
    "distance_box_iou",
    "distance_box_iou_loss",
    "encode_boxes",
    "fastrcnn_loss",
    "foreground",
    "generalized_box_iou",
    "generalized_box_iou_loss",
    "image_sizes",
    "maskrcnn_inference",
    "maskrcnn_loss",
    "masks_to_boxes",
    "match",
    "match_anchors",
    "multi_scale_roi_align",
    "nms",
    "paste_masks",
    "paste_masks_in_image",
    "per_image",
    "postprocess_detections",
    "project_masks_on_boxes",
    "region_proposals",
    "remove_small_boxes",
    "resize_boxes",
    "resize_masks",
    "resize_rois",
    "roi_align",
    "roi_pool",
    "rois_from_boxes",
    "rpn_loss",
    "sample_rois",
    "shared_batch",
    "sigmoid_focal_loss",
    "stochastic_depth",
    "yolo_assign",
    "yolo_boxes",
    "yolo_detections",
    "yolo_loss",
    "yolo_v1_boxes",
    "yolo_v1_detections",
    "yolo_v1_loss",
]
