"""Chinese and English of what supervisors and administrators read: acts, steps, posts, fields."""

from __future__ import annotations

from callmesh.api.v1 import case_pb2, common_pb2, referral_pb2

Pair = tuple[str, str]

COLOUR: dict[int, Pair] = {
    common_pb2.SUPERVISION_UNSPECIFIED: ("无", "none"),
    common_pb2.SUPERVISION_NONE: ("无", "none"),
    common_pb2.SUPERVISION_BLUE: ("蓝色", "blue"),
    common_pb2.SUPERVISION_YELLOW: ("黄色", "yellow"),
    common_pb2.SUPERVISION_RED: ("红色", "red"),
}
DATA: dict[str, Pair] = {
    "name": ("姓名", "name"),
    "number": ("来电号码", "calling number"),
    "contact_number": ("联系电话", "contact number"),
    "sex": ("性别", "sex"),
    "language": ("语言", "language"),
    "narrative": ("报告内容", "report"),
    "supplements": ("补充内容", "supplements"),
    "place": ("地点", "place"),
    "point": ("坐标", "position"),
    "landmark": ("地标", "landmark"),
    "attachments": ("附件", "attachments"),
    "plates": ("车牌", "plates"),
}
"""Personal fields, as release policies name them."""
LANGUAGE: dict[str, Pair] = {
    "": ("汉语", "Chinese"),
    "en": ("英语", "English"),
    "fr": ("法语", "French"),
    "ru": ("俄语", "Russian"),
    "ja": ("日语", "Japanese"),
    "ko": ("韩语", "Korean"),
    "es": ("西班牙语", "Spanish"),
    "ar": ("阿拉伯语", "Arabic"),
}
"""What a caller speaks."""
PENDING: dict[int, Pair] = {
    referral_pb2.Pending.KIND_UNSPECIFIED: ("申请", "Request"),
    referral_pb2.Pending.RETURN: ("退单", "Return"),
    referral_pb2.Pending.EXTENSION: ("延期", "More time"),
    referral_pb2.Pending.SUSPENSION: ("挂账", "Pause"),
}
FINDING: dict[int, Pair] = {
    case_pb2.Finding.STATE_UNSPECIFIED: ("未知", "Unknown"),
    case_pb2.Finding.OPEN: ("待整改", "To mend"),
    case_pb2.Finding.RECTIFIED: ("待复核", "To verify"),
    case_pb2.Finding.VERIFIED: ("已复核", "Verified"),
}
REPEAT_STAGE: dict[int, Pair] = {
    case_pb2.Repeat.STAGE_UNSPECIFIED: ("未知", "Unknown"),
    case_pb2.Repeat.OPENED: ("待梳理", "Opened"),
    case_pb2.Repeat.SORTED: ("梳理", "Sorted out"),
    case_pb2.Repeat.ASSESSED: ("研判", "Assessed"),
    case_pb2.Repeat.ROUTED: ("流转", "Routed"),
    case_pb2.Repeat.SUPERVISED: ("督办", "Supervised"),
    case_pb2.Repeat.RECHECKED: ("复核", "Rechecked"),
}
ACT: dict[str, Pair] = {
    "remind": ("催办", "Remind"),
    "raise": ("升级督办", "Raise the watch"),
    "lift": ("解除督办", "Lift the watch"),
    "supervisor": ("更换督办人", "Change the duty leader"),
    "designate": ("指定管辖", "Designate"),
    "return": ("审批退单", "Decide the return"),
    "extension": ("审批延期", "Decide more time"),
    "suspension": ("审批挂账", "Decide the pause"),
    "disclosure": ("审批查看申请", "Decide what is shown"),
    "send_back": ("退回重办", "Send back"),
    "approve": ("审核通过", "Approve"),
    "repeat": ("重复警情核查", "Repeat review"),
    "rectify": ("巡查整改", "Rectify finding"),
    "verify": ("整改复核", "Verify finding"),
}
POST: dict[str, Pair] = {
    "operator": ("接警员", "Operator"),
    "dispatcher": ("调度员", "Dispatcher"),
    "partner": ("协办单位", "Partner"),
    "handler": ("处置员", "Handler"),
    "reviewer": ("审核员", "Reviewer"),
    "auditor": ("巡查员", "Auditor"),
    "follow_up": ("回访员", "Follow-up agent"),
    "supervisor": ("督办人", "Supervisor"),
    "commander": ("指挥长", "Commander"),
    "ops": ("管理员", "Administrator"),
}
FIELD: dict[str, Pair] = {
    "id": ("编号", "Id"),
    "name": ("名称", "Name"),
    "name_en": ("英文名称", "English name"),
    "kind": ("类型", "Kind"),
    "divisions": ("服务区划", "Divisions served"),
    "parent": ("上级单位", "Parent"),
    "hours": ("工作时间", "Hours"),
    "phone": ("电话", "Phone"),
    "entry": ("统一入口", "Front door of its kind"),
    "backup": ("替补单位", "Backup"),
    "profile": ("时限档", "Limit profile"),
    "advisory": ("会商单位", "Advisory"),
    "roles": ("岗位", "Roles"),
    "group": ("大类编号", "Group"),
    "group_zh": ("大类", "Group in Chinese"),
    "zh": ("中文", "Chinese"),
    "en": ("英文", "English"),
    "lead": ("主办类型", "Lead kind"),
    "support": ("协办类型", "Support kinds"),
    "emergency": ("紧急规则", "Emergency rule"),
    "level": ("等级", "Level"),
    "note": ("说明", "Note"),
    "category": ("类别", "Category"),
    "origin": ("来源类型", "Origin kind"),
    "division": ("区划", "Division"),
    "place": ("地点", "Place"),
    "longitude": ("经度", "Longitude"),
    "latitude": ("纬度", "Latitude"),
    "tasks": ("任务", "Tasks"),
    "prompt": ("首句提示", "Prompt"),
    "ask": ("询问", "Ask"),
    "tell": ("告知", "Tell"),
    "prompt_en": ("首句提示 (英文)", "Prompt in English"),
    "ask_en": ("询问 (英文)", "Ask in English"),
    "tell_en": ("告知 (英文)", "Tell in English"),
    "accept": ("签收时限", "Accept within"),
    "feedback": ("反馈时限", "Feedback within"),
    "resolve": ("办结时限", "Resolve within"),
    "source": ("依据", "Source"),
    "warn_before": ("提前预警", "Warn before"),
    "warn_percent": ("预警比例", "Warn at percent"),
    "code": ("代码", "Code"),
}
