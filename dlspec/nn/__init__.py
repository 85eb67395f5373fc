"""What generated modules need and torch lacks; imports torch and nothing of dlspec's other rooms."""

from dlspec.nn.anchors import anchor_boxes, cell_anchors
from dlspec.nn.box_coding import decode_boxes, encode_boxes
from dlspec.nn.box_iou import box_iou, complete_box_iou, distance_box_iou, generalized_box_iou
from dlspec.nn.box_losses import complete_box_iou_loss, distance_box_iou_loss, generalized_box_iou_loss
from dlspec.nn.boxes import box_area, box_convert, clip_boxes_to_image, masks_to_boxes, remove_small_boxes
from dlspec.nn.crop import crop
from dlspec.nn.feature_pyramid import assign_levels, multiscale_roi_align
from dlspec.nn.frozen_batch_norm import FrozenBatchNorm2d
from dlspec.nn.matching import match
from dlspec.nn.proposals import rpn_proposals
from dlspec.nn.roi_align import roi_align
from dlspec.nn.roi_pool import roi_pool
from dlspec.nn.rois import rois_from_boxes, split_by_image
from dlspec.nn.rpn_loss import rpn_loss
from dlspec.nn.sampling import balanced_sample
from dlspec.nn.suppression import batched_nms, nms
from dlspec.nn.yolo import yolo_assign, yolo_boxes, yolo_detections, yolo_loss

__all__ = [
    "FrozenBatchNorm2d",
    "anchor_boxes",
    "assign_levels",
    "balanced_sample",
    "batched_nms",
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
    "generalized_box_iou",
    "generalized_box_iou_loss",
    "masks_to_boxes",
    "match",
    "multiscale_roi_align",
    "nms",
    "remove_small_boxes",
    "roi_align",
    "roi_pool",
    "rois_from_boxes",
    "rpn_loss",
    "rpn_proposals",
    "split_by_image",
    "yolo_assign",
    "yolo_boxes",
    "yolo_detections",
    "yolo_loss",
]
